// A read of a key that the sidecar loads itself.

#include <algorithm>
#include <utility>

#include "policies/absence.hpp"
#include "policies/fleet_lease.hpp"
#include "policies/origin.hpp"
#include "policies/read_flight.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

const std::string* ReadFlight::remembered(const Core& core) const {
  const auto& subject = check_.subject();
  if (subject.rule->origin == nullptr) return nullptr;
  return core.origin_memory.find(subject.table_key, core.now);
}

bool ReadFlight::learn_absence(Core& core) {
  const auto& subject = check_.subject();
  // A write since then may have ended it.
  if (!asking_ || closed_ || subject.rule->origin == nullptr) return false;
  const auto began = absence::began_of(asking_->absence, *subject.rule->origin);
  if (!began || !absence::counts(*began, subject, core)) return false;
  core.origin_memory.keep(subject.table_key, {}, core.now, core.now + absence::believed);
  return true;
}

bool ReadFlight::load_by_origin(bool over_value, Core& core) {
  const auto& subject = check_.subject();
  if (core.leases.held(subject.table_key)) return true;
  const auto& origin = *subject.rule->origin;
  Match match;
  core.rules->find(subject.client_key, match);
  // Under a rule of after a reload its captures may be others.
  if (!match || match.rule->origin != &origin) return false;
  auto call = origin_call(origin, match);
  if (!call.wrong.empty()) {
    const auto error = protocol::error_reply("ERR pannier: " + call.wrong + "; not executed");
    core.origin_memory.keep(subject.table_key, error, core.now, core.now + origin.error_ttl);
    core.hot.forget(subject.client_key);
    return true;
  }
  return begin_load(*match.rule->settings->origin, std::move(call.params), false, over_value, core);
}

bool ReadFlight::begin_load(std::size_t origin, std::vector<std::string> params, bool is_row,
                            bool over_value, Core& core) {
  const auto& subject = check_.subject();
  const auto loader = core.effects.open_loader(subject.db);
  if (loader == 0) return false;
  auto token = take_token();
  if (!core.grant(check_.subject_ref(), loader, {token, over_value})) {
    fleet_lease::release(core, subject, token);
    core.effects.drop_loader(loader);
    return false;
  }
  // The load begins with this look: what is invalidated from now on, its result is not.
  OriginLoad load{loader,
                  subject.db,
                  subject.client_key,
                  subject.table_key,
                  check_.load_begins(),
                  origin,
                  std::move(params),
                  check_.expiretime(),
                  is_row};
  if (is_row) {
    // Nobody is told of a miss; the load knows for itself what it has seen.
    core.latest_begin = std::max(core.latest_begin, load.begins);
    load.generation = look().generation;
  } else {
    core.count_miss(subject, load.begins, core.now, look(), loader);
  }
  core.effects.load(std::move(load));
  return true;
}

bool ReadFlight::asks_table(const Core& core) const {
  const auto& subject = check_.subject();
  if (!core.has_table(*subject.rule, subject.db)) return false;
  return !core.leases.held(subject.table_key) &&
         !core.tables_rest.holds(subject.rule->tier->name, core.now) &&
         !core.tables_rest.holds(subject.table_key, core.now) &&
         !core.row_removals.holds(subject.table_key);
}

void ReadFlight::await_row(const Reader& reader, Core& core) {
  const auto& subject = check_.subject();
  Match match;
  core.rules->find(subject.client_key, match);
  // After a reload its tier may have another table, or none.
  const auto& was = *subject.rule->tier->second_tier;
  const auto* now = match && match.rule->table ? &*match.rule->tier->second_tier : nullptr;
  if (now == nullptr || now->sql_get != was.sql_get || now->database != was.database) {
    return tell_missing(reader, core);
  }
  std::vector<std::string> params{subject.client_key,
                                  timestamp_text(rows_count_after(subject, core))};
  const auto until = reader.since + core.wait_for(*subject.rule);
  if (!begin_load(now->read, std::move(params), true, false, core) || !wait(reader, until, core)) {
    tell_missing(reader, core);
  }
}

void ReadFlight::refresh_by_origin(bool over_value, Core& core) {
  const auto& subject = check_.subject();
  const auto& key = subject.table_key;
  const bool lost = asking_ && asking_->lost();
  if (lost || core.leases.held(key) || core.throttle.holds(key, core.now) || remembered(core)) {
    return;
  }
  if (core.needs_fleet(subject) && !asking_ && link_.kind == Link::Kind::lane) {
    // Nobody reads: it asks for the fleet's lease, and finds the value once more.
    return start(check_.subject_ref(), {}, core, Claims::lease);
  }
  if (over_value) ++subject.counters().refreshes;
  load_by_origin(over_value, core);
}

void ReadFlight::await_fresh(std::string_view value, Core& core) {
  const auto& subject = check_.subject();
  const auto patience = subject.rule->origin->soft_timeout;
  if (patience.count() == 0 || !core.leases.held(subject.table_key)) return;
  const auto fallback = std::make_shared<const std::string>(value);
  std::erase_if(readers_, [&](const Reader& reader) {
    return core.now < reader.since + patience &&
           wait(reader, reader.since + patience, core, fallback);
  });
}

void ReadFlight::await_origin(const Reader& reader, Core& core) {
  const auto& subject = check_.subject();
  if (!remembered(core) && !load_by_origin(false, core)) return tell_missing(reader, core);
  if (const auto* said = remembered(core)) {
    const auto& origin = *subject.rule->origin;
    if (said->empty() || origin.on_error == OnError::nil) return tell_missing(reader, core);
    ++subject.counters().errors;
    const std::string error(*said);
    return give(reader, error, core);
  }
  const auto until = reader.since + core.lease_time(*subject.rule);
  if (!wait(reader, until, core)) tell_missing(reader, core);
}

}  // namespace pannier::policies
