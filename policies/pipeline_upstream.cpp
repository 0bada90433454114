// What happens to the pipeline without a client asking: upstream comes and goes, pushes, time.

#include "policies/ban_record.hpp"
#include "policies/fleet_lease.hpp"
#include "policies/found_tags.hpp"
#include "policies/journal_replay.hpp"
#include "policies/key_sweep.hpp"
#include "policies/pipeline.hpp"
#include "policies/scripts.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

namespace {

/// Asks for the server's clock: proves that the lane is alive and keeps the clock close.
class Heartbeat final : public Exchange {
 public:
  explicit Heartbeat(ServerTime asked) : asked_(asked) {}
  void settle(std::size_t, std::string_view reply, Core& core) override {
    core.learn_time(reply, asked_);
  }
  void fail(std::string_view, Core&) override {}

 private:
  ServerTime asked_;
};

/// A key with open misses changed: if it is gone, somebody removed it, perhaps past the sidecars.
class RemovalLook final : public Exchange {
 public:
  RemovalLook(std::string key, ExchangeId id) : key_(std::move(key)), id_(id) {}
  void settle(std::size_t part, std::string_view reply, Core& core) override {
    if (part == 1 && reply == ":0\r\n") core.misses.removed(key_, id_);
  }
  void fail(std::string_view, Core&) override {}

 private:
  std::string key_;
  ExchangeId id_;
};

}  // namespace

/// An EVAL of a script that Redis has compiled before takes a fifth of the time.
void Pipeline::load_scripts() {
  std::string wire;
  for (const auto script : {scripts::raise_generation, scripts::raise_bans, scripts::purge_older}) {
    protocol::append_command(wire, {"SCRIPT", "LOAD", script});
  }
  core_.send({Link::Kind::lane, 0, 0}, wire, 3, std::make_unique<Unheeded>());
}

void Pipeline::heartbeat() {
  if (core_.upstream != Core::UpstreamState::up) return;
  const auto pause = core_.rules->settings().upstream.max_lag / 4;
  if (core_.now - last_heartbeat_ < pause) return;
  std::string wire;
  protocol::append_command(wire, {"TIME"});
  const auto lanes = std::max(core_.copies.lanes(), 1u);
  for (std::uint32_t db = 0; db < lanes; ++db) {
    const auto acked = core_.copies.acked(db);
    const bool in_use = db == 0 || acked != TimePoint{};
    if (!in_use || core_.now - acked < pause) continue;
    last_heartbeat_ = core_.now;
    core_.send({Link::Kind::lane, db, 0}, wire, 1,
               std::make_unique<Heartbeat>(core_.server_floor()));
  }
}

void Pipeline::gain_upstream(const ServerInfo& server, TimePoint now) {
  const Call call(*this, now);
  // What was settled without it was a guess.
  if (core_.upstream != Core::UpstreamState::down) core_.versions.forget_all();
  core_.upstream = Core::UpstreamState::up;
  core_.probing = false;
  core_.server_version = server.version;
  if (server.time) core_.clock.set(*server.time, core_.now);
  core_.databases = server.databases;
  // What was asked while it was away and is sent now becomes copies, unless it counted on pushes
  // that will not come. What was kept went when the last lane did.
  if (core_.tracks != server.tracks || core_.is_replica != server.is_replica) {
    core_.copies.lose_all();
  }
  core_.tracks = server.tracks;
  core_.is_replica = server.is_replica;
  core_.memory.clear();
  core_.generations.outdate_all();
  core_.versions.outdate_all();
  core_.bans.outdate_all();
  core_.watch.outdate_all();
  core_.misses.all_removed(core_.next_exchange);
  last_heartbeat_ = {};
  core_.role_watch.restart(core_.now);
  ++core_.replay.connection;
  core_.replay.running = false;
  core_.replay.refusal.clear();
  replay_journal(core_);
  heartbeat();
  read_versions();
  if (!core_.rules->empty()) {
    read_bans(core_, 0);
    load_scripts();
    resume_purges(core_);
  }
  remember_invalidations();
  if (core_.journal.empty()) look_again();
  resume_after_replay(core_);
}

/// Lest the first values under tags that only they tell are taken for older ones.
void Pipeline::remember_invalidations() {
  if (!core_.rules->finds_tags() || core_.upstream != Core::UpstreamState::up) return;
  std::string wire;
  append_creations_of({}, wire, ServerTime{}, core_);
  core_.send({Link::Kind::lane, 0, 0}, wire, 1, std::make_unique<Unheeded>());
}

/// What was to be pushed about other sidecars' loads may have been lost.
void Pipeline::look_again() {
  if (!core_.leases.any_elsewhere()) return;
  for (const auto& key : core_.leases.keys_elsewhere()) core_.look_again(key, true);
}

void Pipeline::lose_upstream(std::string_view error, TimePoint now, bool answered) {
  const Call call(*this, now);
  using State = Core::UpstreamState;
  core_.down_error = error;
  core_.bans.outdate_all();
  if (core_.upstream == State::up) journal_recent(core_);
  core_.generations.outdate_all();
  core_.versions.forget_all();
  core_.lose_copies(std::nullopt);
  core_.misses.all_removed(core_.next_exchange);
  core_.flights.clear();
  core_.probing = false;
  core_.reconnecting = core_.upstream == State::up;
  if (core_.upstream == State::up) {
    ++core_.book.lane_losses;
    if (core_.watch.on()) core_.effects.changed({Change::Kind::lost});
  }
  const bool never_there =
      !answered && (core_.upstream == State::connecting || core_.upstream == State::absent);
  core_.upstream =
      never_there && core_.rules->settings().upstream.embedded ? State::absent : State::down;
  const bool is_needless = core_.upstream == State::absent || core_.mode == Mode::memory;
  if (is_needless) core_.versions.settle_without_upstream();
  resume_after_replay(core_);
}

void Pipeline::lose_lane(std::uint32_t db, TimePoint now) {
  const Call call(*this, now);
  // It may be the first of them all that goes.
  journal_recent(core_, db);
  core_.lose_copies(db);
  core_.misses.all_removed(core_.next_exchange);
  core_.generations.outdate_all();
  core_.bans.outdate_all();
  core_.watch.outdate_all();
  replay_journal(core_);
  look_again();
}

void Pipeline::replace_lane(TimePoint now) {
  const Call call(*this, now);
  // It may lead to another server, with less than the old one had.
  journal_recent(core_);
  core_.bans.outdate_all();
  core_.generations.outdate_all();
  core_.versions.outdate_all();
  core_.copies.lose_all();
  core_.misses.all_removed(core_.next_exchange);
  core_.flights.clear();
  // Its replies say nothing about the new one.
  for (auto& [id, running] : core_.running) running.lane.reset();
  look_again();
}

void Pipeline::lose_own(Client& client, std::string_view error) {
  // What it keeps because it would be told of changes, it would keep for ever.
  if (client.tracking || client.keeps_own) core_.effects.close(client.id, true);
  if (client.confirmed && (client.in_multi || client.watching)) client.own_error = error;
  transactions_.erase(client.id);
}

void Pipeline::heard_of(std::string_view key) {
  const bool guards = core_.rules->guards() && core_.misses.size() > 0;
  const bool waits = !core_.leases.empty() || core_.claims > 0;
  if (!guards && !waits) return;
  const bool is_lease = key.starts_with(fleet_lease::key_prefix);
  const auto of = is_lease ? key.substr(fleet_lease::key_prefix.size()) : key;
  for (std::uint32_t db = 0; db < core_.copies.lanes(); ++db) {
    const auto table = table_key(db, of);
    if (guards && !is_lease && core_.misses.any(table)) {
      std::string wire;
      protocol::append_command(wire, {"CLIENT", "CACHING", "YES"});
      protocol::append_command(wire, {"EXISTS", key});
      core_.send({Link::Kind::lane, db, 0}, wire, 2,
                 std::make_unique<RemovalLook>(table, core_.next_exchange));
    }
    if (waits) core_.look_again(table, is_lease);
  }
}

void Pipeline::invalidate(std::string_view push, TimePoint now) {
  const Call call(*this, now);
  protocol::ReplyReader reader(push);
  if (reader.next().kind != '>' || reader.next().text != "invalidate") return;
  ++core_.book.pushes;
  const auto keys = reader.next();
  if (keys.null) {  // FLUSHALL, a full resynchronisation: everything changed.
    core_.generations.outdate_all();
    core_.versions.outdate_all();
    core_.bans.outdate_all();
    core_.copies.outdate_all();
    core_.misses.all_removed(core_.next_exchange);  // With them went the records of removals.
    core_.watch.outdate_all();
    if (core_.watch.on()) core_.effects.changed({Change::Kind::lost});
    read_versions();
    return;
  }
  for (std::int64_t i = 0; i < keys.number; ++i) {
    const auto key = reader.next().text;
    if (key.starts_with(TagGenerations::key_prefix)) {
      const auto tag = key.substr(TagGenerations::key_prefix.size());
      core_.generations.outdate(tag);
      core_.watch.outdate(tag);
    } else if (key.starts_with(KeyVersions::key_prefix)) {
      core_.versions.outdate(key.substr(KeyVersions::key_prefix.size()));
    } else if (key == Bans::key) {
      core_.bans.outdate_all();
    } else if (key.starts_with(TagRecord::key_prefix)) {
      core_.book.local_dropped += core_.copies.pushed(key.substr(TagRecord::key_prefix.size()));
    } else {
      core_.book.local_dropped += core_.copies.pushed(key);
      heard_of(key);
    }
  }
  read_versions();
  if (core_.watch.on()) look_after_watch();
}

/// What is watched is read at once when it has changed, not when somebody needs it.
void Pipeline::look_after_watch() {
  read_bans(core_, core_.watch.db());
  read_watched(core_);
}

void Pipeline::watch(const std::set<std::string>& tags, bool on, TimePoint now) {
  const Call call(*this, now);
  core_.watch.set(core_.rules->settings().upstream_db, tags, on, core_.server_floor());
  if (on) look_after_watch();
}

void Pipeline::tick(TimePoint now) {
  const Call call(*this, now);
  for (const auto& expired : core_.leases.expire(now, seconds(3))) handle(expired);
  core_.walks.tick(core_);
  core_.misses.forget_old(now);
  core_.bans.forget_old(core_.server_floor());
  core_.memory.sweep(core_.server_floor(), 20);
  core_.copies.sweep(now);
  heartbeat();
  core_.role_watch.tick(core_);
  core_.self_check.tick(core_);
  if (!core_.journal.empty() && now >= core_.replay.retry_at) replay_journal(core_);
  // Without pushes what is known grows old by itself.
  if (!core_.tracks && now - last_distrust_ > core_.rules->settings().upstream.max_lag / 4) {
    last_distrust_ = now;
    core_.versions.outdate_all();
    core_.bans.outdate_all();
    core_.watch.outdate_all();
  }
  tick_invalidations();
  core_.row_removals.tick(core_);
  read_lost_bans(core_);
  read_versions();
  if (core_.watch.on()) look_after_watch();
  sweep_old_versions();
}

}  // namespace pannier::policies
