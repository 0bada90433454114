#include "policies/journal_replay.hpp"

#include <algorithm>

#include "policies/ban_record.hpp"
#include "policies/ban_sweep.hpp"
#include "policies/beginning.hpp"
#include "policies/guard.hpp"
#include "policies/key_sweep.hpp"
#include "policies/scripts.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

namespace {

/// Bans that cover everything the rules take into the cache.
std::vector<Ban> all_ruled(const RuleSet& rules) {
  std::vector<Ban> bans;
  for (const auto& rule : rules.rules()) {
    if (rule.never()) continue;
    for (const auto& pattern : rule.settings->match) {
      bans.push_back({Ban::Kind::pattern, false, pattern.as_glob(), {}, {}});
    }
  }
  return bans;
}

/// What is served from here must not be older than this moment.
void take_effect(Core& core, const Journal::Entry& entry) {
  switch (entry.kind) {
    case Journal::Kind::key: {
      std::string wire;
      protocol::append_command(wire, {"UNLINK", entry.name});
      core.send({Link::Kind::memory, entry.db, 0}, wire, 1, std::make_unique<Unheeded>());
      core.misses.removed(table_key(entry.db, entry.name), core.next_exchange);
      return core.written(table_key(entry.db, entry.name));
    }
    case Journal::Kind::tag: {
      const auto* known = core.generations.find(entry.db, entry.name);
      auto at = core.latest_beginning();
      if (known != nullptr) at = std::max(at, known->generation.last() + milliseconds(1));
      Generation generation(at);
      if (entry.soft && known != nullptr) {
        generation = known->generation;
        generation.soft = at;
      }
      return core.learn_generation(entry.db, entry.name, generation, TagGenerations::Source::other);
    }
    case Journal::Kind::ban:
      learn_bans(core, entry.db, {Ban::parse(entry.name).value_or(Ban{})}, core.latest_beginning());
      return;
  }
}

/// The rule of a key as upstream calls it; null where it has none.
const Rule* rule_of(std::string_view key, const RuleSet& rules) {
  Match match;
  rules.find_upstream(key, match);
  return match && !match.rule->never() ? match.rule : nullptr;
}

bool is_ruled(std::string_view key, const RuleSet& rules) { return rule_of(key, rules) != nullptr; }

/// Whether a removal must keep the whole fleet from storing what was computed before it.
bool is_guarded(std::string_view key, const RuleSet& rules) {
  const auto* rule = rule_of(key, rules);
  return rule != nullptr && rule->tier->guard == Guard::fleet;
}

/// Carries out the sweeps of patterns that were replayed, one after the other.
void sweep_next(Core& core) {
  auto& sweeps = core.replay.sweeps;
  if (core.replay.sweeping || sweeps.empty()) return;
  const auto entry = std::move(sweeps.front());
  sweeps.pop_front();
  core.replay.sweeping = true;
  sweep_bans(
      {Link::Kind::lane, entry.db, 0}, {Ban::parse(entry.name).value_or(Ban{})},
      std::make_shared<std::uint64_t>(0),
      [entry](std::uint64_t removed, std::string_view error, Core& at_end) {
        at_end.book.keys_purged += removed;
        at_end.replay.sweeping = false;
        const bool is_lost = !error.empty() && at_end.upstream != Core::UpstreamState::up;
        if (is_lost) journal_for_later(at_end, entry);
        sweep_next(at_end);
      },
      core);
}

/// The first entries of the journal on their way, all of one database.
class Batch final : public Exchange {
 public:
  Batch(Link lane, std::vector<Journal::Entry> entries, std::uint64_t connection)
      : lane_(lane), entries_(std::move(entries)), connection_(connection) {}

  std::string wire(const Core& core) const;
  void settle(std::size_t part, std::string_view reply, Core& core) override;
  void fail(std::string_view error, Core& core) override {
    if (connection_ != core.replay.connection) return;
    protocol::ReplyReader reader(error);
    core.replay.running = false;
    // The database's lane alone could not be made; else all of it is sent anew with the next one.
    if (core.upstream == Core::UpstreamState::up) refused(std::string(reader.next().text), core);
  }

 private:
  static void refused(std::string why, Core& core);
  void carried_out(const Journal::Entry& entry, std::string_view reply, Core& core);

  Link lane_;
  std::vector<Journal::Entry> entries_;
  std::uint64_t connection_;
  std::size_t done_ = 0;  ///< Before the first that was refused.
  std::string refusal_;
};

std::string Batch::wire(const Core& core) const {
  std::string wire;
  for (const auto& entry : entries_) {
    switch (entry.kind) {
      case Journal::Kind::key:
        if (is_guarded(entry.name, *core.rules)) {
          guard::append_removal(wire, "UNLINK", entry.name);
        } else {
          protocol::append_command(wire, {"UNLINK", entry.name});
        }
        break;
      case Journal::Kind::tag:
        append_raise(wire, entry, core);
        break;
      case Journal::Kind::ban:
        append_bans(wire, {Ban::parse(entry.name).value_or(Ban{})}, core);
        break;
    }
  }
  return wire;
}

void Batch::carried_out(const Journal::Entry& entry, std::string_view reply, Core& core) {
  ++core.book.invalidations_replayed;
  protocol::ReplyReader reader(reply);
  switch (entry.kind) {
    case Journal::Kind::key:
      return core.written(table_key(entry.db, entry.name));
    case Journal::Kind::tag:
      return carry_out_tag(core, lane_, entry, reader.next().text);
    case Journal::Kind::ban: {
      const ServerTime at{milliseconds(reader.next().number)};
      learn_bans(core, entry.db, {Ban::parse(entry.name).value_or(Ban{})}, at);
      if (entry.again) return;
      core.replay.sweeps.push_back(entry);
      return sweep_next(core);
    }
  }
}

void Batch::settle(std::size_t part, std::string_view reply, Core& core) {
  if (connection_ != core.replay.connection) return;
  protocol::ReplyReader reader(reply);
  const auto answer = reader.next();
  if (answer.error() && refusal_.empty()) refusal_ = answer.text;
  if (!answer.error()) carried_out(entries_[part], reply, core);
  if (refusal_.empty()) ++done_;
  if (part + 1 < entries_.size()) return;
  auto& replay = core.replay;
  core.journal.pop(done_);
  replay.running = false;
  if (refusal_.empty()) {
    replay.refusal.clear();
    return replay_journal(core);
  }
  refused(std::move(refusal_), core);
}

void Batch::refused(std::string why, Core& core) {
  auto& replay = core.replay;
  if (replay.refusal.empty()) replay.refused_since = core.now;
  replay.refusal = std::move(why);
  replay.retry_at = core.now + replay_pause;
  resume_after_replay(core);
}

void keep(Core& core, Journal::Entry entry) {
  const auto most = core.rules->settings().journal.max_entries.value;
  const auto db = entry.db;
  if (core.journal.add(std::move(entry), most)) return;
  ++core.book.journal_overflows;
  auto databases = core.journal.databases();
  databases.insert(db);
  const auto bans = all_ruled(*core.rules);
  std::vector<std::string> texts;
  for (const auto& ban : bans) texts.push_back(ban.text());
  for (const auto wide : databases) {
    core.journal.widen(wide, texts);
    // Those who are served from here must not see what nobody remembers to be invalid.
    learn_bans(core, wide, bans, core.latest_beginning());
  }
  core.copies.outdate_all();
}

}  // namespace

void append_raise(std::string& wire, const Journal::Entry& tag, const Core& core) {
  const auto life = std::to_string(core.generation_life().count());
  protocol::append_command(
      wire, {"EVAL", scripts::raise_generation, "3", TagGenerations::key(tag.name),
             TagGenerations::any_key, beginning::key_of(tag.name), life, tag.soft ? "soft" : ""});
}

void carry_out_tag(Core& core, Link lane, const Journal::Entry& tag, std::string_view record) {
  const auto generation = Generation::parse(record).value_or(core.server_floor());
  core.learn_generation(lane.db, tag.name, generation, TagGenerations::Source::other);
  if (generation.soft == ServerTime{}) TagPurge::start(lane, tag.name, generation.hard, core);
}

void journal_for_later(Core& core, Journal::Entry entry) {
  ++core.book.invalidations_journaled;
  keep(core, std::move(entry));
}

void journal_recent(Core& core, std::optional<std::uint32_t> db) {
  for (const auto& [at, entry] : core.recent) {
    if (at + Core::recent_time < core.now || (db && entry.db != *db)) continue;
    if (entry.kind == Journal::Kind::key && !is_ruled(entry.name, *core.rules)) continue;
    auto again = entry;
    again.again = true;
    keep(core, std::move(again));
  }
  std::erase_if(core.recent, [&](const auto& one) { return !db || one.second.db == *db; });
}

bool awaits_replay(const Core& core) {
  using State = Core::UpstreamState;
  const bool comes =
      core.upstream == State::up || (core.upstream == State::down && core.reconnecting);
  return comes && core.mode == Mode::normal && !core.journal.empty();
}

std::string replay_refusal(const Core& core) {
  const auto& replay = core.replay;
  const auto patience = core.rules->settings().upstream.op_timeout;
  if (replay.refusal.empty() || core.now - replay.refused_since <= patience) return {};
  return protocol::error_reply(
      "ERR pannier: upstream refuses " + std::to_string(core.journal.size()) +
      " invalidations of while it was away (" + replay.refusal + "); not executed");
}

void resume_after_replay(Core& core) {
  const auto refusal = awaits_replay(core) ? replay_refusal(core) : std::string();
  if (!awaits_replay(core) || !refusal.empty()) {
    for (const auto& go_on : std::exchange(core.replay.reads, {})) go_on(core, refusal);
  }
  for (const auto& [id, client] : core.clients) core.effects.resume(id);
}

void journal_invalidation(Core& core, Journal::Entry entry) {
  take_effect(core, entry);
  journal_for_later(core, std::move(entry));
}

void replay_journal(Core& core) {
  auto& replay = core.replay;
  const bool is_there = core.upstream == Core::UpstreamState::up && core.mode != Mode::memory;
  if (replay.running || !is_there) return;
  // What was done in the memory store may be about databases that upstream does not have.
  while (!core.journal.empty() && core.journal[0].db >= core.databases) core.journal.pop(1);
  if (core.journal.empty()) {
    if (core.leases.any_elsewhere()) {
      for (const auto& key : core.leases.keys_elsewhere()) core.look_again(key, true);
    }
    return resume_after_replay(core);
  }
  std::vector<Journal::Entry> entries;
  const auto db = core.journal[0].db;
  const auto most = std::min(core.journal.size(), replay_batch);
  while (entries.size() < most && core.journal[entries.size()].db == db) {
    entries.push_back(core.journal[entries.size()]);
  }
  const Link lane{Link::Kind::lane, db, 0};
  const auto replies = static_cast<std::uint32_t>(entries.size());
  auto batch = std::make_unique<Batch>(lane, std::move(entries), replay.connection);
  const auto wire = batch->wire(core);
  replay.running = true;
  core.send(lane, wire, replies, std::move(batch));
}

}  // namespace pannier::policies
