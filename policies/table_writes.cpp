#include "policies/table_writes.hpp"

#include <algorithm>
#include <utility>

#include "policies/fleet_lease.hpp"
#include "policies/guard.hpp"
#include "policies/journal_replay.hpp"
#include "policies/store.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

using protocol::Access;
using protocol::Verb;

namespace {

constexpr seconds table_rest{1};

/// Rows live as their tier says, whatever life a client gives the key; an end that has passed
/// removes it.
bool only_moves_expiry(const Request& request, ServerTime now) {
  const auto& args = request.args();
  const auto number = protocol::to_integer(args.size() > 2 ? args[2] : "0").value_or(0);
  const auto ms = now.time_since_epoch().count();
  switch (request.spec.verb) {
    case Verb::expire:
    case Verb::pexpire:
      return number > 0;
    case Verb::expireat:
      return number > ms / 1000;
    case Verb::pexpireat:
      return number > ms;
    case Verb::persist:
    case Verb::getex:
      return true;
    default:
      return false;
  }
}

bool may_write_rows(const Request& request, const Core& core) {
  // What the sidecar stores by itself comes from there.
  if (!core.rules->has_second_tiers() || request.client.internal) return false;
  return request.spec.access != Access::read && !only_moves_expiry(request, core.server_floor());
}

/// The value that the command gives its key whatever was there.
std::optional<std::string_view> value_for(const Request& request, const KeyUse& use,
                                          ServerTime now) {
  switch (request.spec.verb) {
    case Verb::mset:
      if (use.position + 1 >= request.args().size()) return std::nullopt;
      return request.args()[use.position + 1];
    case Verb::set:
    case Verb::setex:
    case Verb::psetex:
    case Verb::getset: {
      const auto asked = parse_store(request.spec.name, request.args(), now);
      if (!asked || asked->only_absent || asked->only_present) return std::nullopt;
      return asked->value;
    }
    default:
      return std::nullopt;
  }
}

/// Goes on with the statements of a client's command; the last one resumes it.
void run_next(ClientId id, Core& core) {
  auto* client = core.find(id);
  if (client == nullptr || !client->table_step) return;
  auto& step = *client->table_step;
  if (step.left.empty() || !step.error.empty()) {
    step.is_over = true;
    return core.effects.resume(id);
  }
  const auto statement = std::move(step.left.front());
  step.left.erase(step.left.begin());
  core.tables.begin(core, *statement.tier, *statement.sql, statement.params,
                    [id, number = step.number](std::string_view error, Core& later) {
                      auto* asker = later.find(id);
                      if (asker == nullptr || !asker->table_step) return;
                      if (asker->table_step->number != number) return;
                      asker->table_step->error = error;
                      run_next(id, later);
                    });
}

bool has_table(const KeyUse& use, std::uint32_t db, const Core& core) {
  return use.match && core.has_table(*use.match.rule, db);
}

TableStep::Statement statement_for(const Request& request, const KeyUse& use, Core& core) {
  const auto& tier = *use.match.rule->tier;
  const auto& table = *tier.second_tier;
  const auto value = value_for(request, use, core.server_floor());
  std::string key(request.client_key(use));
  if (!value) return {&table.sql_delete, &tier, {std::move(key)}};
  const auto subject = request.subject(use, core);
  const auto miss = core.misses.look(subject->table_key, core.now);
  // What came too late is not stored, here or upstream.
  if (guard::expected(*subject, miss, core) == guard::never) {
    return {&table.sql_delete, &tier, {std::move(key)}};
  }
  // As Pipeline::store() says; a moment earlier at most, and then it is the row that ends sooner.
  const auto born = miss ? miss->at : core.born_now(*subject);
  return {&table.sql_put,
          &tier,
          {std::move(key), row_value(table, *value), timestamp_text(born),
           array_text(subject->tags)}};
}

}  // namespace

std::optional<std::string> write_tables(const Request& request, Core& core) {
  auto& client = request.client;
  if (!may_write_rows(request, core)) return "";
  const auto has = [&](const KeyUse& use) { return has_table(use, client.db, core); };
  if (std::ranges::none_of(request.keys, has)) return "";
  // A read of it that is still to be answered must not find what is written behind it.
  if (client.open > 0) return std::nullopt;
  client.awaits_reads = client.waits > 0;
  if (client.awaits_reads) return std::nullopt;
  auto& step = client.table_step;
  if (!step || step->number != request.ticket.number) {
    step = std::make_unique<TableStep>();
    step->rules = core.rules;
    step->number = request.ticket.number;
    for (const auto& use : request.keys) {
      if (has(use)) step->left.push_back(statement_for(request, use, core));
    }
    run_next(client.id, core);
  }
  if (!step->is_over) return std::nullopt;
  return step->error;
}

std::string objection_to_tables(const Request& request, const Core& core) {
  if (!may_write_rows(request, core)) return {};
  for (const auto& use : request.keys) {
    if (!has_table(use, request.client.db, core)) continue;
    return "tier '" + use.match.rule->tier->name +
           "' has a second tier: its keys cannot be written in MULTI, nor on a connection of the "
           "client's own";
  }
  return {};
}

void wrote_tables(const Request& request, Link link, Core& core) {
  if (!may_write_rows(request, core)) return;
  for (const auto& use : request.keys) {
    if (!has_table(use, link.db, core)) continue;
    const std::string key(request.upstream_key(use));
    const auto table = table_key(link.db, key);
    // A row that is being read is the one of before.
    const auto* holder =
        core.leases.held(table) ? core.find(core.leases.holder(table)) : nullptr;
    if (holder != nullptr && holder->internal) core.touched(table);
    // Upstream may still have what was there before, once it is back.
    if (link.kind == Link::Kind::memory) {
      journal_for_later(core, {Journal::Kind::key, link.db, key});
    }
  }
}

void remove_row(const SubjectRef& subject, Link link, Core& core) {
  const auto rules = core.rules;
  const auto& tier = *subject->rule->tier;
  core.tables.begin(
      core, tier, tier.second_tier->sql_delete, {subject->client_key},
      [subject, link](std::string_view, Core& later) {
        // Whoever has read the row meanwhile has stored it.
        std::string wire;
        guard::append_removal(wire, "UNLINK", subject->key);
        later.close_flight(subject->table_key);
        later.send(link, wire, 1, std::make_unique<Unheeded>());
      });
}

void row_missing(const OriginLoad& load, bool has_failed, Core& core) {
  const auto& table = load.table_key;
  const auto subject = core.leases.subject(table);
  const auto& rule = *subject->rule;
  const auto token = core.leases.token(table);
  if (has_failed) core.tables_rest.hold(rule.tier->name, core.now, core.now + table_rest);
  // Those who are told now have missed what the load missed.
  const auto miss = core.misses.take(table, core.now);
  OpenMisses::Look look;
  if (miss) look.generation = miss->outdated ? std::string(guard::never) : miss->generation;
  bool is_held = false;
  for (const auto& waiter : core.leases.close(table)) {
    const auto* client = core.find(waiter.ticket.client);
    if (client == nullptr) continue;
    // One of the clients loads it, if they do that for each other here.
    if (is_held && !client->internal && core.leases.wait(table, waiter)) continue;
    if (!is_held && rule.leases() && !client->internal) {
      is_held = core.grant(subject, client->id, {token, false});
    }
    core.count_miss(*subject, load.begins, waiter.since, look);
    core.deliver_null(waiter.ticket);
  }
  if (!is_held) fleet_lease::release(core, *subject, token);
}

}  // namespace pannier::policies
