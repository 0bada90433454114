#include "policies/table_writes.hpp"

#include <algorithm>
#include <utility>

#include "policies/fleet_lease.hpp"
#include "policies/guard.hpp"
#include "policies/journal_replay.hpp"
#include "policies/store.hpp"
#include "policies/validity.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

using protocol::Access;
using protocol::Verb;

namespace {

constexpr seconds table_rest{1};

/// What a command does to the row of one of its keys.
struct Effect {
  bool removes = false;
  std::optional<std::string_view> stores = {};  ///< Whatever was there.
};

/// Of those that give a key another life. Rows live as their tier says; an end that has passed
/// removes them.
Effect effect_of_expiry(const Request& request, ServerTime now) {
  const auto& args = request.args();
  const auto verb = request.spec.verb;
  const bool is_getex = verb == Verb::getex;
  if (verb == Verb::persist || (is_getex && args.size() != 4)) return {};
  const auto number = protocol::to_integer(args.size() > 2 ? args[is_getex ? 3 : 2] : "?");
  if (!number) return {};  // Upstream refuses it.
  const auto ms = now.time_since_epoch().count();
  const auto option = is_getex ? args[2] : std::string_view();
  if (verb == Verb::expireat || protocol::equals_nocase(option, "exat")) {
    return {*number <= ms / 1000};
  }
  if (verb == Verb::pexpireat || protocol::equals_nocase(option, "pxat")) return {*number <= ms};
  return {!is_getex && *number <= 0};
}

Effect effect_on(const Request& request, const KeyUse& use, ServerTime now) {
  const auto& args = request.args();
  switch (request.spec.verb) {
    case Verb::mset:
      if (use.position + 1 >= args.size()) return {};
      return {false, args[use.position + 1]};
    case Verb::set:
    case Verb::setex:
    case Verb::psetex:
    case Verb::setnx:
    case Verb::getset: {
      const auto asked = parse_store(request.spec.name, args, now);
      // Not in order, or only sometimes: then Store says what becomes of the row.
      if (!asked || asked->only_absent || asked->only_present) return {};
      return {false, asked->value};
    }
    case Verb::expire:
    case Verb::pexpire:
    case Verb::expireat:
    case Verb::pexpireat:
    case Verb::persist:
    case Verb::getex:
      return effect_of_expiry(request, now);
    case Verb::watch:
      return {};
    default:
      break;
  }
  // Their first key is only read.
  const auto& name = request.spec.name;
  return {use.position != 1 || (name != "sort" && name != "copy")};
}

bool has_row(const KeyUse& use, std::uint32_t db, const Core& core) {
  return use.match && core.has_table(*use.match.rule, db);
}

/// What the command does to rows, of those keys where it does anything.
std::vector<std::pair<const KeyUse*, Effect>> effects_of(const Request& request, const Core& core) {
  std::vector<std::pair<const KeyUse*, Effect>> effects;
  for (const auto& use : request.keys) {
    if (!has_row(use, request.client.db, core)) continue;
    const auto effect = effect_on(request, use, core.server_floor());
    if (effect.removes || effect.stores) effects.emplace_back(&use, effect);
  }
  return effects;
}

bool may_touch(const Request& request, const Core& core) {
  // What the sidecar stores by itself comes from there.
  return core.rules->has_second_tiers() && !request.client.internal &&
         request.spec.access != Access::read;
}

/// What was written is not followed by a write upstream.
void take_back(TableStep& step, Core& core) {
  for (const auto& subject : std::exchange(step.written, {})) {
    core.row_removals.add(core, subject, {false, !step.is_known});
  }
}

/// Goes on with the statements of a client's command; the last one resumes it.
void run_next(ClientId id, const std::shared_ptr<TableStep>& step, Core& core) {
  if (core.find(id) == nullptr) return take_back(*step, core);
  if (step->left.empty() || !step->error.empty()) {
    if (!step->error.empty()) take_back(*step, core);
    step->is_over = true;
    return core.effects.resume(id);
  }
  const auto statement = std::move(step->left.front());
  step->left.pop_front();
  core.tables.begin(
      core, *statement.tier, *statement.sql, statement.params,
      [id, step, written = statement.written](const TableOutcome& outcome, Core& later) {
        const bool may_be_there = outcome.error.empty() || !outcome.is_known;
        if (written && may_be_there) step->written.push_back(written);
        if (written && outcome.error.empty()) {
          later.row_removals.written(written->table_key);
        }
        step->error = outcome.error;
        step->is_known = outcome.is_known;
        run_next(id, step, later);
      });
}

TableStep::Statement statement_for(const Request& request, const KeyUse& use, const Effect& effect,
                                   Core& core) {
  const auto& tier = *use.match.rule->tier;
  const auto& table = *tier.second_tier;
  std::string key(request.client_key(use));
  const TableStep::Statement removal{&table.sql_delete, &tier, {key}, nullptr};
  if (!effect.stores) return removal;
  const auto subject = request.subject(use, core);
  const auto miss = core.misses.look(subject->table_key, core.now);
  for (const auto& tag : subject->tags) {
    if (core.generations.find(subject->db, tag) != nullptr) continue;
    // It is older than the row then, unless upstream knows better.
    const auto lane = core.lane(subject->db, subject->rule.get());
    create_generation(core, lane, tag, core.server_floor() - milliseconds(1));
  }
  const auto newest = core.newest(*subject).at;
  // What came too late is not stored, here or upstream, or is invalid there.
  const bool is_late = guard::expected(*subject, miss, core) == guard::never ||
                       (miss && newest && miss->at <= *newest);
  if (is_late) return removal;
  // As Pipeline::store() says; a moment earlier at most, and then it is the row that ends sooner.
  const auto born = miss ? miss->at : core.born_now(*subject);
  return {&table.sql_put,
          &tier,
          {std::move(key), row_value(table, *effect.stores), timestamp_text(born),
           array_text(subject->tags)},
          subject};
}

/// Whether a read of the client that is still to be answered may yet look into the table: it must
/// not find what is written behind it.
bool reads_yet(const Client& client, const Core& core) {
  if (client.open > 0) return true;
  if (client.waits == 0) return false;
  // Those who wait for another client's load do not.
  return core.leases.waits_of(client.id, [&](ClientId holder) {
    const auto* loader = core.find(holder);
    return loader == nullptr || !loader->internal;
  }) < client.waits;
}

}  // namespace

std::optional<std::string> write_tables(const Request& request, Core& core) {
  auto& client = request.client;
  if (!may_touch(request, core)) return "";
  auto& step = client.table_step;
  if (!step || step->number != request.ticket.number) {
    const auto effects = effects_of(request, core);
    if (effects.empty()) return "";
    client.awaits_reads = client.open == 0 && reads_yet(client, core);
    if (client.open > 0 || client.awaits_reads) return std::nullopt;
    forget_step(client, core);
    step = std::make_shared<TableStep>();
    step->rules = core.rules;
    step->number = request.ticket.number;
    for (const auto& [use, effect] : effects) {
      step->left.push_back(statement_for(request, *use, effect, core));
      const auto& tier = *use->match.rule->tier;
      if (effect.stores && effect.stores->size() > tier.second_tier->max_bytes.value) {
        step->error = second_tier_name(tier.name) + ": the value is longer than its max_bytes";
      }
    }
    run_next(client.id, step, core);
  }
  if (!step->is_over) return std::nullopt;
  if (step->error.empty()) return "";
  const auto error = std::exchange(step, nullptr);
  return "ERR pannier: " + error->error +
         (error->is_known ? "; not executed" : "; outcome unknown");
}

std::string objection_to_tables(const Request& request, const Core& core) {
  if (!may_touch(request, core)) return {};
  // Of a conditional one only upstream's answer tells.
  const bool is_conditional = request.spec.verb == Verb::set || request.spec.verb == Verb::setnx;
  const auto effects = effects_of(request, core);
  const KeyUse* touched = effects.empty() ? nullptr : effects.front().first;
  for (const auto& use : request.keys) {
    const bool is_first = touched == nullptr && is_conditional;
    if (is_first && has_row(use, request.client.db, core)) touched = &use;
  }
  if (touched == nullptr) return {};
  return "tier '" + touched->match.rule->tier->name +
         "' has a second tier: its keys cannot be written in MULTI, nor on a connection of the "
         "client's own";
}

void forget_step(Client& client, Core& core) {
  const auto step = std::exchange(client.table_step, nullptr);
  if (step && step->is_over) take_back(*step, core);  // Else run_next() does.
}

void wrote_tables(const Request& request, Link link, Core& core) {
  if (!may_touch(request, core)) return;
  request.client.table_step.reset();
  for (const auto& use : request.keys) {
    if (!has_row(use, link.db, core)) continue;
    const std::string key(request.upstream_key(use));
    const auto table = table_key(link.db, key);
    // A row that is being read is the one of before.
    const auto* holder = core.leases.held(table) ? core.find(core.leases.holder(table)) : nullptr;
    if (holder != nullptr && holder->internal) core.touched(table);
    if (link.kind != Link::Kind::memory) continue;
    // Upstream may still have what was there before, once it is back; and nobody tells of other
    // sidecars' writes, but rows do.
    journal_for_later(core, {Journal::Kind::key, link.db, key});
    std::string wire;
    protocol::append_command(wire, {"PEXPIRE", key, std::to_string(row_kept_away.count()), "LT"});
    core.send(link, wire, 1, std::make_unique<Unheeded>());
  }
}

void row_missing(const OriginLoad& load, Core& core) {
  const auto& table = load.table_key;
  const auto subject = core.leases.subject(table);
  const auto& rule = *subject->rule;
  const auto token = core.leases.token(table);
  if (load.is_away) core.tables_rest.hold(rule.tier->name, core.now, core.now + table_rest);
  // Those who are told now have missed what the load missed.
  OpenMisses::Look look;
  look.generation = load.generation;
  bool is_held = false;
  for (const auto& waiter : core.leases.close(table)) {
    auto* client = core.find(waiter.ticket.client);
    if (client == nullptr) continue;
    // One of the clients loads it, if they do that for each other here.
    if (is_held && !client->internal && core.leases.wait(table, waiter)) {
      // What it waits for now is no row: its next command may go on.
      if (std::exchange(client->awaits_reads, false)) core.effects.resume(client->id);
      continue;
    }
    if (!is_held && rule.leases() && !client->internal) {
      is_held = core.grant(subject, client->id, {token, false});
    }
    core.count_miss(*subject, load.begins, waiter.since, look);
    core.deliver_null(waiter.ticket);
  }
  if (!is_held) fleet_lease::release(core, *subject, token);
}

}  // namespace pannier::policies
