// What origins say of the keys they were asked for.

#include "policies/journal_replay.hpp"
#include "policies/pipeline.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

bool Pipeline::store_loaded(Client& loader, std::string_view key, std::string_view value,
                            TimePoint now) {
  std::string wire;
  protocol::append_command(wire, {"SET", key, value});
  const std::vector<std::string_view> words{"SET", key, value};
  const auto verdict = decide(loader, {words, wire}, now);
  if (std::holds_alternative<Hold>(verdict)) return false;
  ++loader.next;
  if (const auto* said = std::get_if<Answer>(&verdict)) {
    core_.effects.deliver({loader.id, loader.next - 1}, said->reply);
  }
  return true;
}

void Pipeline::load_failed(Client& loader, std::string_view key, std::string_view error,
                           TimePoint now) {
  const Call call(*this, now);
  Match match;
  core_.rules->find(key, match);
  if (!match || match.rule->origin == nullptr) return;
  const auto& origin = *match.rule->origin;
  const auto table = table_key(loader.db, core_.upstream_key(key, match));
  const auto life = error.empty() ? origin.negative_ttl : origin.error_ttl;
  core_.origin_memory.keep(table, std::string(error), now, now + life);
  if (!core_.leases.held(table) || core_.leases.holder(table) != loader.id) return;
  const auto subject = core_.leases.subject(table);
  const bool tells = !error.empty() && origin.on_error == OnError::error;
  for (const auto& waiter : core_.end_lease(table)) {
    if (tells) {
      ++subject->counters().errors;
      core_.deliver(waiter.ticket, error);
    } else {
      core_.count_miss(*subject, core_.server_floor(), waiter.since);
      core_.deliver_null(waiter.ticket);
    }
  }
}

void Pipeline::give_loaded(Client& loader, std::string_view key, std::string_view value,
                           TimePoint now) {
  const Call call(*this, now);
  Match match;
  core_.rules->find(key, match);
  if (!match) return;
  const auto table = table_key(loader.db, core_.upstream_key(key, match));
  if (!core_.leases.held(table) || core_.leases.holder(table) != loader.id) return;
  std::string bulk;
  protocol::append_bulk(bulk, value);
  for (const auto& waiter : core_.end_lease(table)) core_.deliver(waiter.ticket, bulk);
}

}  // namespace pannier::policies
