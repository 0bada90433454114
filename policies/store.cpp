#include "policies/store.hpp"

#include <limits>

#include "policies/absence.hpp"
#include "policies/beginning.hpp"
#include "policies/guard.hpp"
#include "policies/journal_replay.hpp"
#include "policies/scripts.hpp"
#include "policies/tag_watch.hpp"
#include "policies/test_bugs.hpp"
#include "protocol/command_table.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

using protocol::equals_nocase;

namespace {

constexpr milliseconds row_rest{100};
constexpr std::int64_t longest_ttl_ms = std::numeric_limits<std::int64_t>::max() / 4;

/// A relative or absolute time in the unit of its option, as a TTL from `now`.
std::optional<milliseconds> to_ttl(std::string_view number, bool in_seconds, bool absolute,
                                   ServerTime now) {
  const auto value = protocol::to_integer(number);
  if (!value || *value <= 0 || *value > longest_ttl_ms / 1000) return std::nullopt;
  const milliseconds time(in_seconds ? *value * 1000 : *value);
  return absolute ? time - now.time_since_epoch() : time;
}

/// Takes one option of SET. \returns how many arguments it was; 0 when it is not in order.
std::size_t take_option(std::span<const std::string_view> args, ServerTime now,
                        StoreRequest& request) {
  const auto name = args[0];
  const auto flag = [&](bool& set) {
    set = true;
    return std::size_t{1};
  };
  if (equals_nocase(name, "nx")) return flag(request.only_absent);
  if (equals_nocase(name, "xx")) return flag(request.only_present);
  if (equals_nocase(name, "get")) return flag(request.get);
  if (equals_nocase(name, "keepttl") && !request.ttl) return flag(request.keep_ttl);
  const bool ex = equals_nocase(name, "ex"), exat = equals_nocase(name, "exat");
  const bool px = equals_nocase(name, "px"), pxat = equals_nocase(name, "pxat");
  if (!(ex || exat || px || pxat) || args.size() < 2 || request.ttl || request.keep_ttl) return 0;
  request.ttl = to_ttl(args[1], ex || exat, exat || pxat, now);
  return request.ttl ? 2 : 0;
}

}  // namespace

std::optional<StoreRequest> parse_store(std::string_view name,
                                        std::span<const std::string_view> args, ServerTime now) {
  StoreRequest request;
  const std::size_t least = name == "setex" || name == "psetex" ? 4 : 3;
  if (args.size() < least || (args.size() > least && name != "set")) return std::nullopt;
  if (name == "setex" || name == "psetex") {
    request.value = args[3];
    request.ttl = to_ttl(args[2], name == "setex", false, now);
    return request.ttl ? std::optional(request) : std::nullopt;
  }
  request.value = args[2];
  request.get = name == "getset";
  request.only_absent = name == "setnx";
  for (auto rest = args.subspan(3); !rest.empty();) {
    const auto taken = take_option(rest, now, request);
    if (taken == 0) return std::nullopt;
    rest = rest.subspan(taken);
  }
  if (request.only_absent && request.only_present) return std::nullopt;
  return request;
}

std::size_t count_options(const StoreRequest& request) {
  return (request.keep_ttl ? 1u : 2u) + (request.only_absent ? 1u : 0u) +
         (request.only_present ? 1u : 0u) + (request.get ? 1u : 0u);
}

void append_store(std::string& wire, const Subject& subject, const StoreRequest& request,
                  ServerTime expiry) {
  protocol::append_command(wire, 3 + count_options(request));
  protocol::append_bulk(wire, "SET");
  protocol::append_bulk(wire, subject.key);
  append_value_and_options(wire, request, expiry);
}

void append_value_and_options(std::string& wire, const StoreRequest& request, ServerTime expiry) {
  protocol::append_bulk(wire, request.value);
  if (request.keep_ttl) {
    protocol::append_bulk(wire, "KEEPTTL");
  } else {
    protocol::append_bulk(wire, "PXAT");
    protocol::append_bulk(wire, std::to_string(expiry.time_since_epoch().count()));
  }
  if (request.only_absent) protocol::append_bulk(wire, "NX");
  if (request.only_present) protocol::append_bulk(wire, "XX");
  if (request.get) protocol::append_bulk(wire, "GET");
}

namespace {

std::string ms_text(ServerTime at) { return std::to_string(at.time_since_epoch().count()); }

/// `EVAL script n key generation... beginning...`, to be followed by `further` arguments.
void append_script(std::string& wire, std::string_view script, const Subject& subject,
                   std::size_t further) {
  const auto keys = 2 + 2 * subject.tags.size();
  protocol::append_command(wire, 3 + keys + further);
  protocol::append_bulk(wire, "EVAL");
  protocol::append_bulk(wire, script);
  protocol::append_bulk(wire, std::to_string(keys));
  protocol::append_bulk(wire, subject.key);
  for (const auto& tag : subject.tags) protocol::append_bulk(wire, TagGenerations::key(tag));
  beginning::append_keys(wire, subject);
}

}  // namespace

std::uint32_t announce_if_ahead(std::string& wire, const Subject& subject, ServerTime born,
                                const Core& core) {
  if (born <= core.server_floor() || has(Bug::no_announcement)) return 0;
  beginning::append(wire, subject, born);
  return 1;
}

bool must_begin_upstream(const Subject& subject, const Core& core) {
  if (core.lacks_generation(subject)) return true;
  return core.born_now(subject) > core.server_floor() && !has(Bug::no_announcement);
}

void append_store_now(std::string& wire, const Subject& subject, const StoreRequest& request,
                      milliseconds life, const Core& core) {
  const std::size_t options =
      (request.only_absent ? 1u : 0u) + (request.only_present ? 1u : 0u) + (request.get ? 1u : 0u);
  append_script(wire, scripts::store_now, subject, 4 + options);
  protocol::append_bulk(wire, request.value);
  protocol::append_bulk(wire, std::to_string(life.count()));
  protocol::append_bulk(wire, std::to_string(core.generation_life().count()));
  protocol::append_bulk(wire, ms_text(core.born_now(subject)));
  if (request.only_absent) protocol::append_bulk(wire, "NX");
  if (request.only_present) protocol::append_bulk(wire, "XX");
  if (request.get) protocol::append_bulk(wire, "GET");
}

void append_expiry(std::string& wire, const Subject& subject, const Core& core,
                   std::optional<ServerTime> born) {
  if (!born && core.lacks_generation(subject)) {
    append_script(wire, scripts::expire_now, subject, 3);
    protocol::append_bulk(wire, std::to_string(subject.life.total.count()));
    protocol::append_bulk(wire, std::to_string(core.generation_life().count()));
    protocol::append_bulk(wire, ms_text(core.born_now(subject)));
    return;
  }
  // What would have to be announced counts from now: it is then loaded once more.
  const auto expiry = born.value_or(core.server_floor()) + subject.life.total;
  protocol::append_command(
      wire, {"PEXPIREAT", subject.key, std::to_string(expiry.time_since_epoch().count()), "NX"});
}

std::uint32_t append_index(std::string& wire, const Subject& subject, ServerTime expiry) {
  if (subject.tags.empty() || !subject.rule->settings->index) return 0;
  const auto at = std::to_string(expiry.time_since_epoch().count());
  for (const auto& tag : subject.tags) {
    const auto index = TagGenerations::index(tag);
    protocol::append_command(wire, {"ZADD", index, at, subject.key});
    protocol::append_command(wire, {"PEXPIREAT", index, at, "NX"});
    protocol::append_command(wire, {"PEXPIREAT", index, at, "GT"});
  }
  return static_cast<std::uint32_t>(3 * subject.tags.size());
}

void Store::keep(std::string_view value) {
  kept_.emplace();
  protocol::append_bulk(*kept_, value);
}

void Store::settle(std::size_t part, std::string_view reply, Core& core) {
  if (part != at_) return;
  answered_ = true;
  write_.end();
  protocol::ReplyReader reader(reply);
  const auto answer = reader.next();
  if (guarded_ && answer.kind == '*') return refused(reader, core);
  const bool stores = taken(answer.error(), answer.null);
  if (stores) stored(core);
  if (!stores && load_began_ && !is_load_) {
    core.misses.not_stored(subject_->table_key, born_, core.now);
  }
  // A row was stored that upstream did not take; or none, and upstream did.
  const bool is_conditional = only_absent_ || only_present_;
  if (row_ == Row::written && (is_conditional ? stores : answer.error())) {
    core.row_removals.add(core, subject_, {});
  }
  if (!as_setnx_ || answer.error()) return core.reply_from(link_, ticket_, reply);
  core.reply(ticket_, stores ? ":1\r\n" : ":0\r\n");
}

void Store::fail(std::string_view error, Core& core) {
  // The link may be lost between the reply and those behind it.
  if (answered_) return;
  if (row_ == Row::written) {
    // Of the row and the key one may be of before, and nobody knows which.
    core.row_removals.add(core, subject_, {});
    journal_invalidation(core, {Journal::Kind::key, subject_->db, subject_->key});
  }
  if (load_began_ && !is_load_) core.misses.not_stored(subject_->table_key, born_, core.now);
  core.reply(ticket_, error);
}

void Store::refused(protocol::ReplyReader& reader, Core& core) {
  ++subject_->counters().stale_sets_refused;
  // Whoever loads it now may have begun behind the removal, and is judged by its own miss.
  const auto& key = subject_->table_key;
  if (row_ == Row::written) core.row_removals.add(core, subject_, {true, false});
  // Those who wait are not to look for the row again and again.
  if (row_ == Row::source)
    core.tables_rest.hold(subject_->table_key, core.now, core.now + row_rest);
  const bool is_anothers = core.leases.held(key) && core.leases.holder(key) != ticket_.client;
  if (is_anothers) {
    core.close_flight(key);
  } else {
    core.misses.removed(key, *guarded_);
    core.touched(key);
  }
  reader.next();
  const auto old = reader.skip();
  const auto* client = core.find(ticket_.client);
  if (!get_ || client == nullptr) return core.reply(ticket_, "+OK\r\n");
  core.reply_from(link_, ticket_, old);
}

bool Store::taken(bool error, bool null) const {
  if (error) return false;
  if (!get_) return !null;
  if (only_absent_) return null;
  return !(only_present_ && null);
}

void Store::stored(Core& core) {
  const auto& key = subject_->table_key;
  auto& counters = subject_->counters();
  ++counters.stores;
  is_load_ ? core.origin_memory.forget(key) : absence::forget(core, key);
  if (core.watch.on()) tell_stored(core, *subject_);
  core.close_flight(key);
  const bool leased = !core.leases.empty() && core.leases.held(key);
  const auto& rule = subject_->rule->settings->name;
  if (fills() && leased && row_ != Row::source) {
    core.learning.filled(rule, key, core.now - core.leases.granted_at(key));
  }
  if (fills() && load_began_) {
    counters.load_seconds.add(core.now - *load_began_);
    subject_->rule->loads->seconds.add(core.now - *load_began_);
  }
  if (!leased) return;
  // A value from before an invalidation is nobody's answer, even if it was waited for.
  const bool current = core.may_tell_waiters(*subject_, born_, link_);
  if (!fills() || !kept_ || !current) return core.touched(key);
  core.throttle.release(key);
  for (const auto& waiter : core.end_lease(key)) {
    ++counters.hits;
    subject_->count_avoided(1);
    counters.hit_seconds.add(core.now - waiter.since);
    core.deliver(waiter.ticket, *kept_);
  }
}

}  // namespace pannier::policies
