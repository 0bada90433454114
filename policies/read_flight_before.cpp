// A read that misses a key shortly after its version was bumped: the version before may be served.

#include <algorithm>
#include <utility>

#include "policies/read_flight.hpp"
#include "policies/served_versions.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

bool ReadFlight::look_before(Core& core) {
  const auto may = [&](const Reader& reader) {
    return may_see_before(core, reader.ticket.client, check_.subject(), reader.counted ? 0 : 1);
  };
  if (!before_) {
    if (asking_ || check_.subject().version == 0 || std::ranges::none_of(readers_, may)) {
      return false;
    }
    auto subject = version_before(core, check_.subject());
    if (!subject) return false;
    auto rest = std::make_unique<ReadFlight>(std::move(*this));
    rest->before_ = std::make_unique<Before>(std::move(subject), rest->link_);
    std::string wire;
    const auto asked = rest->before_->check.ask(wire, core);
    protocol::append_command(wire, {"GET", rest->before_->check.subject().key});
    const auto link = rest->link_;
    core.send(link, wire, asked + 1, std::move(rest));
    return true;
  }
  if (before_->value.empty()) return false;
  const auto willing = std::stable_partition(readers_.begin(), readers_.end(),
                                             [&](const Reader& one) { return !may(one); });
  std::vector<Reader> others(readers_.begin(), willing);
  readers_.erase(readers_.begin(), willing);
  if (readers_.empty()) {
    readers_ = std::move(others);
    return false;
  }
  gives_before_ = true;
  if (others.empty()) {
    give_but_one(before_->value, Standing::State::stale, core);
    return true;
  }
  // One of the others loads.
  auto& counters = check_.subject().counters();
  counters.stale_served += readers_.size();
  check_.subject().count_avoided(readers_.size());
  give_all(before_->value, core);
  gives_before_ = false;
  readers_ = std::move(others);
  return false;
}

void ReadFlight::settle_before(std::size_t part, std::string_view reply, Core& core) {
  auto& check = before_->check;
  if (part < check.parts()) return check.settle(part, reply, core);
  before_->settled = true;
  protocol::ReplyReader reader(reply);
  const auto found = reader.next();
  const bool is_there = !found.error() && !found.null && !check.absent() && check.complete(core);
  const auto state = is_there ? check.judge(core).state : Standing::State::invalid;
  const bool is_foreign = state == Standing::State::foreign;
  const bool counts = !is_foreign || check.subject().rule->tier->foreign != Foreign::miss;
  if (is_there && state != Standing::State::invalid && counts) before_->value = reply;
  missing(core);
}

}  // namespace pannier::policies
