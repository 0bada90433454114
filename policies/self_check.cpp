#include "policies/self_check.hpp"

#include <xxhash.h>

#include <utility>

#include "policies/core.hpp"

namespace pannier::policies {

/// The read of one key as any client would do it.
class SelfCheck::Look final : public Exchange {
 public:
  explicit Look(Served served) : served_(std::move(served)) {}
  void settle(std::size_t, std::string_view reply, Core& core) override {
    --core.self_check.asked_;
    core.self_check.compare(std::move(served_), reply, core);
  }
  void fail(std::string_view, Core& core) override { --core.self_check.asked_; }

 private:
  Served served_;
};

void SelfCheck::configure(Share share, milliseconds max_lag) {
  step_ = share.parts;
  delays_ = {max_lag, std::chrono::seconds(10), std::chrono::seconds(60)};
}

std::size_t SelfCheck::pending() const {
  std::size_t pending = asked_ + suspects_.size();
  for (const auto& waiting : waiting_) pending += waiting.size();
  return pending;
}

void SelfCheck::add(Served served) { waiting_[served.stage].push_back(std::move(served)); }

void SelfCheck::tick(Core& core) {
  for (std::size_t stage = 0; stage < stages.size(); ++stage) {
    auto& waiting = waiting_[stage];
    while (!waiting.empty() && waiting.front().at + delays_[stage] <= core.now) {
      auto served = std::move(waiting.front());
      waiting.pop_front();
      ask(std::move(served), core);
    }
  }
  if (!suspects_.empty()) judge(core);
}

bool SelfCheck::has_changed(const Served& served, const Core& core) {
  return core.upstream != Core::UpstreamState::up || core.copies.since() != served.stamp ||
         core.copies.epoch(served.key) != served.epoch;
}

void SelfCheck::ask(Served served, Core& core) {
  if (has_changed(served, core)) {
    ++core.book.self_checks;
    return;
  }
  ++asked_;
  const auto question = served.question;
  core.send({Link::Kind::plain3, served.db, 0}, question, 1,
            std::make_unique<Look>(std::move(served)));
}

void SelfCheck::compare(Served served, std::string_view reply, Core& core) {
  if (reply == served.reply || has_changed(served, core)) {
    ++core.book.self_checks;
    if (reply == served.reply && ++served.stage < stages.size()) add(std::move(served));
    return;
  }
  suspects_.push_back({std::move(served), core.next_exchange});
}

void SelfCheck::judge(Core& core) {
  std::deque<Suspect> left;
  for (auto& suspect : suspects_) {
    auto& served = suspect.served;
    const bool changed = has_changed(served, core);
    if (!changed && !core.copies.acked_since(served.db, suspect.after)) {
      left.push_back(std::move(suspect));
      continue;
    }
    ++core.book.self_checks;
    if (changed) continue;
    ++core.book.inconsistent[served.stage];
    if (findings_.size() == most_findings) findings_.pop_front();
    findings_.push_back(
        {XXH3_64bits(served.key.data(), served.key.size()), served.rule, served.stage, served.at});
  }
  suspects_ = std::move(left);
}

}  // namespace pannier::policies
