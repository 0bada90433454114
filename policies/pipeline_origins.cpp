// What origins say of the keys they were asked for.

#include <algorithm>

#include "policies/absence.hpp"
#include "policies/journal_replay.hpp"
#include "policies/pipeline.hpp"
#include "policies/scripts.hpp"
#include "policies/table_writes.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

namespace {

/// Whether those who wait for the load may be told what came of it; else they look again.
bool is_current(const OriginLoad& load, const Subject& subject, const Core& core) {
  return core.may_tell_waiters(subject, load.begins, core.lane(load.db, subject.rule.get()));
}

}  // namespace

bool Pipeline::store_loaded(Client& loader, const OriginLoad& load, std::string_view value,
                            TimePoint now) {
  const auto& table = load.table_key;
  const bool has_lease = core_.leases.held(table) && core_.leases.holder(table) == loader.id;
  if (!has_lease && load.is_row) {
    // It was written since: this is the row of before.
    ++loader.next;
    core_.effects.deliver({loader.id, loader.next - 1}, "+OK\r\n");
    return true;
  }
  std::string wire;
  protocol::append_command(wire, {"SET", load.key, value});
  const std::vector<std::string_view> words{"SET", load.key, value};
  core_.storing = &load;
  const auto verdict = decide(loader, {words, wire}, now);
  core_.storing = nullptr;
  if (std::holds_alternative<Hold>(verdict)) return false;
  ++loader.next;
  if (std::holds_alternative<Wait>(verdict)) return true;
  const auto* said = std::get_if<Answer>(&verdict);
  // It is under no rule any more, or rules are bypassed.
  const std::string_view reply = said != nullptr ? said->reply : "-ERR not stored\r\n";
  core_.effects.deliver({loader.id, loader.next - 1}, reply);
  return true;
}

void Pipeline::load_failed(Client& loader, const OriginLoad& load, std::string_view error,
                           TimePoint now) {
  const Call call(*this, now);
  const auto& table = load.table_key;
  core_.hot.forget(load.key);
  core_.misses.take_load(table, loader.id);
  if (!core_.leases.held(table) || core_.leases.holder(table) != loader.id) return;
  const auto subject = core_.leases.subject(table);
  // Nobody is told a value, and what is loaded then is judged by when this load began.
  if (load.is_row) return row_missing(load, core_);
  if (!is_current(load, *subject, core_)) return core_.touched(table);
  const auto& origin = *subject->rule->origin;
  if (error.empty() && load.expiretime >= 0) {
    // What was there is of a row that is gone, and would be served for the stale window.
    std::string wire;
    protocol::append_command(wire, {"EVAL", scripts::purge_older, "2", TagGenerations::index(""),
                                    subject->key, std::to_string(load.expiretime)});
    core_.send(core_.lane(load.db, subject->rule.get()), wire, 1, std::make_unique<Unheeded>());
    core_.close_flight(table);
    core_.copies.pushed(subject->key);
  }
  auto life = error.empty() ? origin.negative_ttl : origin.error_ttl;
  if (error.empty() && absence::note(core_, *subject, load.begins, life)) {
    life = std::min(life, absence::believed);
  }
  core_.origin_memory.keep(table, std::string(error), now, now + life);
  const bool tells = !error.empty() && origin.on_error == OnError::error;
  for (const auto& waiter : core_.end_lease(table)) {
    if (!error.empty() && core_.fall_back(*subject, waiter)) continue;
    if (tells) {
      ++subject->counters().errors;
      core_.deliver(waiter.ticket, error);
    } else {
      core_.count_miss(*subject, core_.server_floor(), waiter.since);
      core_.deliver_null(waiter.ticket);
    }
  }
}

void Pipeline::give_loaded(Client& loader, const OriginLoad& load, std::string_view value,
                           TimePoint now) {
  const Call call(*this, now);
  const auto& table = load.table_key;
  if (!core_.leases.held(table) || core_.leases.holder(table) != loader.id) return;
  if (!is_current(load, *core_.leases.subject(table), core_)) return core_.touched(table);
  std::string bulk;
  protocol::append_bulk(bulk, value);
  for (const auto& waiter : core_.end_lease(table)) core_.deliver(waiter.ticket, bulk);
}

}  // namespace pannier::policies
