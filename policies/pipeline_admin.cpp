// What operators do to the cache: invalidate, list.

#include <algorithm>

#include "policies/invalidation_run.hpp"
#include "policies/journal_replay.hpp"
#include "policies/pipeline.hpp"
#include "policies/relayed_reply.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

using protocol::Value;

void Pipeline::invalidate(Client& client, Invalidation what, TimePoint now) {
  const Call call(*this, now);
  core_.begin(client, core_.lane(client.db, nullptr));
  InvalidationRun::start({client.id, client.next}, client.db, std::move(what), core_);
}

std::string Pipeline::objection(const Invalidation& what) const {
  const auto find = [&](const std::string& name) {
    const auto& all = core_.rules->rules();
    return std::ranges::find_if(all, [&](const Rule& rule) { return rule.settings->name == name; });
  };
  const auto none = core_.rules->rules().end();
  for (const auto& name : what.rules) {
    if (find(name) == none) return "there is no rule '" + name + "'";
  }
  for (const auto& range : what.ranges) {
    const auto rule = find(range.rule);
    if (rule == none) return "there is no rule '" + range.rule + "'";
    if (!rule->settings->dates.empty()) continue;
    return "rule '" + range.rule + "' does not say which captures are days; set dates";
  }
  return {};
}

std::optional<Invalidation> Pipeline::all_of_rules(std::string_view rule) const {
  Invalidation what;
  for (const auto& one : core_.rules->rules()) {
    const bool fits = rule.empty() || one.settings->name == rule;
    if (fits && !one.never()) what.rules.push_back(one.settings->name);
  }
  return what.rules.empty() ? std::nullopt : std::optional(std::move(what));
}

void Pipeline::tick_invalidations() {
  auto& going = core_.invalidations;
  // What one of them starts when it goes on as a job stands behind them.
  for (std::size_t i = 0; i < going.size(); ++i) {
    const auto run = going[i];
    const bool was_job = run->job() != 0;
    run->tick(core_);
    if (run->job() != 0 && !was_job) core_.jobs.push_front(run);
  }
  std::erase_if(going, [](const auto& run) { return run->is_over(); });
  if (core_.jobs.size() > kept_jobs) core_.jobs.resize(kept_jobs);
}

Value Pipeline::jobs(TimePoint now) const {
  Value::List lines;
  for (const auto& run : core_.jobs) {
    const auto& record = run->record();
    const auto took = run->is_over() ? record.took : now - run->began();
    const auto ms = std::chrono::duration_cast<milliseconds>(took).count();
    const char* state = run->is_over() ? audit_outcome(record.outcome) : "running";
    lines.push_back({Value::Map{{"job", {static_cast<std::int64_t>(run->job())}},
                                {"what", {audit_text(record.what)}},
                                {"by", {record.what.by}},
                                {"state", {state}},
                                {"found", {static_cast<std::int64_t>(run->found())}},
                                {"removed", {static_cast<std::int64_t>(record.count)}},
                                {"took_ms", {ms}}}});
  }
  for (const auto& purge : core_.purges) {
    const char* state = !purge->error.empty() ? "failed"
                        : purge->ended        ? "done"
                        : purge->waits        ? "waits for upstream"
                                              : "running";
    const auto took = purge->ended.value_or(now) - purge->began;
    const auto ms = std::chrono::duration_cast<milliseconds>(took).count();
    lines.push_back({Value::Map{{"what", {"purge of tag " + purge->tag}},
                                {"state", {state}},
                                {"removed", {static_cast<std::int64_t>(purge->removed)}},
                                {"took_ms", {ms}}}});
  }
  return {std::move(lines)};
}

void Pipeline::list_keys(Client& client, std::string_view tag, TimePoint now) {
  const Call call(*this, now);
  const auto lane = core_.lane(client.db, nullptr);
  std::string wire;
  protocol::append_command(wire, {"ZRANGEBYSCORE", TagGenerations::index(tag),
                                  std::to_string(core_.server_floor().time_since_epoch().count()),
                                  "+inf", "LIMIT", "0", "10000"});
  core_.begin(client, lane);
  core_.send(lane, wire, 1, std::make_unique<RelayedReply>(Ticket{client.id, client.next}, lane));
}

void Pipeline::set_mode(Mode mode, std::string from, TimePoint now) {
  const Call call(*this, now);
  core_.mode = mode;
  core_.mode_from = std::move(from);
  if (mode == Mode::memory) core_.versions.settle_without_upstream();
  if (!core_.journal.empty()) replay_journal(core_);
  resume_after_replay(core_);
}

}  // namespace pannier::policies
