#include "policies/role_watch.hpp"

#include "policies/core.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

class RoleWatch::Question final : public Exchange {
 public:
  void settle(std::size_t, std::string_view reply, Core& core) override {
    core.role_watch.answered(core.now);
    protocol::ReplyReader reader(reply);
    if (reader.next().kind != '*') return;  // It may not be asked.
    const bool is_replica = reader.next().text != "master";
    if (is_replica == core.is_replica) return;
    core.copies.lose_all();
    core.generations.outdate_all();
    core.effects.connect_anew();
  }
  void fail(std::string_view, Core& core) override { core.role_watch.open_ = false; }
};

void RoleWatch::tick(Core& core) {
  const bool is_up = core.upstream == Core::UpstreamState::up;
  if (!is_up || open_ || core.now - asked_ < seconds(1)) return;
  asked_ = core.now;
  open_ = true;
  std::string wire;
  protocol::append_command(wire, {"ROLE"});
  core.send({Link::Kind::lane, 0, 0}, wire, 1, std::make_unique<Question>());
}

void RoleWatch::restart(TimePoint now) {
  *this = {};
  asked_ = now;
}

void RoleWatch::answered(TimePoint now) {
  open_ = false;
  std::rotate(last_.begin(), last_.begin() + 1,
              last_.end());  // Clang 14, of the fuzzers, rejects the one of std::ranges.
  last_.back() = std::chrono::duration_cast<microseconds>(now - asked_);
  least_ = std::min(least_, last_.back());
}

}  // namespace pannier::policies
