// Which sidecar of the fleet runs a schedule.

#include "policies/pipeline.hpp"
#include "policies/scripts.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

namespace {

/// Longer than a year: @yearly is the rarest a schedule can be.
constexpr std::chrono::hours record_life{400 * 24};

class RunClaim final : public Exchange {
 public:
  explicit RunClaim(Ticket ticket) : ticket_(ticket) {}
  void settle(std::size_t, std::string_view reply, Core& core) override {
    core.reply(ticket_, reply);
  }
  void fail(std::string_view error, Core& core) override { core.reply(ticket_, error); }

 private:
  Ticket ticket_;
};

}  // namespace

void Pipeline::claim_run(Client& client, std::string_view schedule, ServerTime due, bool is_start,
                         TimePoint now) {
  const Call call(*this, now);
  const Ticket ticket{client.id, client.next};
  const auto lane = core_.lane(0, nullptr);
  core_.begin(client, lane);
  if (lane.kind == Link::Kind::memory) {  // There is no fleet without Redis.
    std::string out;
    protocol::append_integer(out, is_start ? 0 : 1);
    return core_.reply(ticket, out);
  }
  const std::string key = "pn:s:" + std::string(schedule);
  const auto life = std::chrono::duration_cast<milliseconds>(record_life);
  std::string wire;
  protocol::append_command(
      wire, {"EVAL", scripts::claim_run, "1", key, std::to_string(due.time_since_epoch().count()),
             std::to_string(life.count()), is_start ? "1" : "0"});
  core_.send(lane, wire, 1, std::make_unique<RunClaim>(ticket));
}

}  // namespace pannier::policies
