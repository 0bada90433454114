// What operators do to the cache: invalidate, list.

#include "policies/guard.hpp"
#include "policies/journal_replay.hpp"
#include "policies/key_sweep.hpp"
#include "policies/pipeline.hpp"
#include "policies/scripts.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

namespace {

/// `UNLINK key`.
class KeyInvalidation final : public Exchange {
 public:
  KeyInvalidation(Ticket ticket, Journal::Entry key, WriteUnderWay write)
      : ticket_(ticket), key_(std::move(key)), write_(std::move(write)) {}
  void settle(std::size_t, std::string_view reply, Core& core) override {
    write_.end();
    core.touched(table_key(key_.db, key_.name));
    core.reply(ticket_, reply);
  }
  void fail(std::string_view, Core& core) override {
    write_.end();
    journal_invalidation(core, std::move(key_));
    core.reply(ticket_, journaled_reply);
  }

 private:
  Ticket ticket_;
  Journal::Entry key_;
  WriteUnderWay write_;
};

/// Raises a tag's generation and counts what its list holds; then the purge begins.
class TagInvalidation final : public Exchange {
 public:
  TagInvalidation(Ticket ticket, Link lane, std::string tag)
      : ticket_(ticket), lane_(lane), tag_(std::move(tag)) {}

  void settle(std::size_t part, std::string_view reply, Core& core) override {
    protocol::ReplyReader reader(reply);
    const auto answer = reader.next();
    if (part == 1) return core.reply(ticket_, error_.empty() ? reply : error_);
    if (answer.error()) {
      error_ = reply;
      return;
    }
    ++core.book.invalidations_tag;
    const ServerTime generation{milliseconds(answer.number)};
    core.learn_generation(lane_.db, tag_, generation, TagGenerations::Source::other);
    TagPurge::start(lane_, tag_, generation, core);
  }
  void fail(std::string_view, Core& core) override {
    journal_invalidation(core, {Journal::Kind::tag, lane_.db, std::move(tag_)});
    core.reply(ticket_, journaled_reply);
  }

 private:
  Ticket ticket_;
  Link lane_;
  std::string tag_, error_;
};

/// `TIME`: from this moment on a pattern's older values are invalid.
class PatternInvalidation final : public Exchange {
 public:
  PatternInvalidation(Ticket ticket, Link lane, std::string pattern)
      : ticket_(ticket), lane_(lane), pattern_(std::move(pattern)) {}

  void settle(std::size_t, std::string_view reply, Core& core) override {
    const auto now = core.learn_time(reply);
    if (!now) return core.reply(ticket_, reply);
    ++core.book.invalidations_pattern;
    core.bans.add(pattern_, *now, *now + core.longest_life());
    core.copies.outdate_all();
    const Journal::Entry entry{Journal::Kind::pattern, lane_.db, pattern_};
    const auto ticket = ticket_;
    KeySweep::start(
        lane_, pattern_, [](std::string_view) { return true; },
        [ticket, entry](std::uint64_t removed, std::string_view error, Core& at_end) {
          std::string out(error);
          if (error.empty()) {
            protocol::append_integer(out, static_cast<std::int64_t>(removed));
          } else if (at_end.upstream != Core::UpstreamState::up) {
            journal_invalidation(at_end, entry);
            out = journaled_reply;
          }
          at_end.reply(ticket, out);
        },
        core);
  }
  void fail(std::string_view, Core& core) override {
    journal_invalidation(core, {Journal::Kind::pattern, lane_.db, std::move(pattern_)});
    core.reply(ticket_, journaled_reply);
  }

 private:
  Ticket ticket_;
  Link lane_;
  std::string pattern_;
};

/// A reply of the lane that is the operator's as it is.
class Relay final : public Exchange {
 public:
  Relay(Ticket ticket, Link lane) : ticket_(ticket), lane_(lane) {}
  void settle(std::size_t, std::string_view reply, Core& core) override {
    core.reply_from(lane_, ticket_, reply);
  }
  void fail(std::string_view error, Core& core) override { core.reply(ticket_, error); }

 private:
  Ticket ticket_;
  Link lane_;
};

}  // namespace

void Pipeline::invalidate_key(Client& client, std::string_view key, TimePoint now) {
  const Call call(*this, now);
  const auto lane = core_.lane(client.db, nullptr);
  const auto upstream = upstream_key(key);
  std::string wire;
  Match match;
  core_.rules->find(key, match);
  const bool guarded = match && match.rule->guards() && !core_.from_memory(match.rule);
  if (guarded && match.rule->tier->guard == Guard::fleet) {
    guard::append_removal(wire, "UNLINK", upstream);
  } else {
    protocol::append_command(wire, {"UNLINK", upstream});
  }
  if (guarded) core_.misses.removed(table_key(client.db, upstream), core_.next_exchange);
  ++core_.book.invalidations_key;
  const Journal::Entry entry{Journal::Kind::key, client.db, upstream};
  if (lane.kind == Link::Kind::memory) journal_for_later(core_, entry);
  core_.close_flight(table_key(client.db, upstream));
  core_.begin(client, lane);
  core_.send(lane, wire, 1,
             std::make_unique<KeyInvalidation>(Ticket{client.id, client.next}, entry,
                                               WriteUnderWay(core_.copies, upstream)));
}

void Pipeline::invalidate_tag(Client& client, std::string_view tag, TimePoint now) {
  const Call call(*this, now);
  const auto lane = core_.lane(client.db, nullptr);
  std::string wire;
  protocol::append_command(wire, {"EVAL", scripts::raise_generation, "1", TagGenerations::key(tag),
                                  std::to_string(core_.generation_life().count())});
  protocol::append_command(
      wire, {"ZCOUNT", "pn:t:" + std::string(tag),
             std::to_string(core_.server_floor().time_since_epoch().count()), "+inf"});
  if (lane.kind == Link::Kind::memory) {
    journal_for_later(core_, {Journal::Kind::tag, client.db, std::string(tag)});
  }
  core_.begin(client, lane);
  core_.send(
      lane, wire, 2,
      std::make_unique<TagInvalidation>(Ticket{client.id, client.next}, lane, std::string(tag)));
}

void Pipeline::invalidate_pattern(Client& client, std::string_view pattern, TimePoint now) {
  const Call call(*this, now);
  const auto lane = core_.lane(client.db, nullptr);
  std::string wire;
  protocol::append_command(wire, {"TIME"});
  if (lane.kind == Link::Kind::memory) {
    journal_for_later(core_, {Journal::Kind::pattern, client.db, std::string(pattern)});
  }
  core_.begin(client, lane);
  core_.send(lane, wire, 1,
             std::make_unique<PatternInvalidation>(Ticket{client.id, client.next}, lane,
                                                   std::string(pattern)));
}

void Pipeline::list_keys(Client& client, std::string_view tag, TimePoint now) {
  const Call call(*this, now);
  const auto lane = core_.lane(client.db, nullptr);
  std::string wire;
  protocol::append_command(wire, {"ZRANGEBYSCORE", "pn:t:" + std::string(tag),
                                  std::to_string(core_.server_floor().time_since_epoch().count()),
                                  "+inf", "LIMIT", "0", "10000"});
  core_.begin(client, lane);
  core_.send(lane, wire, 1, std::make_unique<Relay>(Ticket{client.id, client.next}, lane));
}

std::string Pipeline::upstream_key(std::string_view key) const {
  Match match;
  core_.rules->find(key, match);
  if (!match || match.rule->settings->version.mode != VersionMode::transparent) {
    return std::string(key);
  }
  const auto* version = core_.versions.find(version_name(*match.rule->settings));
  return std::string(key) + (version ? ":v" + std::to_string(version->current) : "");
}

void Pipeline::set_mode(Mode mode, std::string from, TimePoint now) {
  const Call call(*this, now);
  core_.mode = mode;
  core_.mode_from = std::move(from);
  if (mode == Mode::memory) core_.versions.settle_without_upstream();
  if (!core_.journal.empty()) replay_journal(core_);
}

}  // namespace pannier::policies
