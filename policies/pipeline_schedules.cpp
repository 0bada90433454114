// Which sidecar of the fleet runs a schedule.

#include "policies/pipeline.hpp"
#include "policies/relayed_reply.hpp"
#include "policies/scripts.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

namespace {

/// Longer than a year: @yearly is the rarest a schedule can be.
constexpr std::chrono::hours record_life{400 * 24};

/// Nothing has been heard of whoever took a run for so long: another one takes it.
constexpr seconds longest_run{30};

std::string record_of(std::string_view schedule) { return "pn:s:" + std::string(schedule); }

std::string in_milliseconds(auto time) {
  return std::to_string(std::chrono::duration_cast<milliseconds>(time).count());
}

}  // namespace

void Pipeline::claim_run(Client& client, std::string_view schedule, ServerTime due, bool is_start,
                         milliseconds sql_takes, TimePoint now) {
  const Call call(*this, now);
  const Ticket ticket{client.id, client.next};
  const auto lane = core_.lane(0, nullptr);
  core_.begin(client, lane);
  if (lane.kind == Link::Kind::memory) {  // There is no fleet without Redis.
    std::string out;
    protocol::append_integer(out, is_start ? 0 : 1);
    return core_.reply(ticket, out);
  }
  std::string wire;
  protocol::append_command(wire,
                           {"EVAL", scripts::claim_run, "1", record_of(schedule),
                            in_milliseconds(due.time_since_epoch()), in_milliseconds(record_life),
                            is_start ? "1" : "0", in_milliseconds(longest_run + sql_takes)});
  core_.send(lane, wire, 1, std::make_unique<RelayedReply>(ticket, lane));
}

void Pipeline::finish_run(Client& client, std::string_view schedule, ServerTime due,
                          TimePoint now) {
  const Call call(*this, now);
  const Ticket ticket{client.id, client.next};
  const auto lane = core_.lane(0, nullptr);
  core_.begin(client, lane);
  if (lane.kind == Link::Kind::memory) {
    std::string out;
    protocol::append_integer(out, 1);
    return core_.reply(ticket, out);
  }
  std::string wire;
  protocol::append_command(wire,
                           {"EVAL", scripts::finish_run, "1", record_of(schedule),
                            in_milliseconds(due.time_since_epoch()), in_milliseconds(record_life)});
  core_.send(lane, wire, 1, std::make_unique<RelayedReply>(ticket, lane));
}

}  // namespace pannier::policies
