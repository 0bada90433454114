// When keys expire: asking and saying.

#include <limits>
#include <optional>
#include <string>

#include "policies/memory_commands.hpp"
#include "protocol/command_table.hpp"

namespace pannier::policies::memory_commands {
namespace {

enum class Unit : std::int64_t { milliseconds = 1, seconds = 1000 };

struct Conditions {
  bool without = false, with = false, later = false, sooner = false;  ///< NX XX GT LT.

  bool allow(std::int64_t old, std::int64_t at) const {
    const bool persistent = old == MemoryTable::never;
    if (without && !persistent) return false;
    if (with && persistent) return false;
    if (later && (persistent || at <= old)) return false;
    return !sooner || persistent || at < old;
  }
};

/// Answers the error where it returns nothing.
std::optional<Conditions> conditions_of(MemoryCall& call) {
  Conditions conditions;
  for (const std::string_view word : call.args.subspan(3)) {
    if (protocol::equals_nocase(word, "nx")) {
      conditions.without = true;
    } else if (protocol::equals_nocase(word, "xx")) {
      conditions.with = true;
    } else if (protocol::equals_nocase(word, "gt")) {
      conditions.later = true;
    } else if (protocol::equals_nocase(word, "lt")) {
      conditions.sooner = true;
    } else {
      // Redis prints it as a C string.
      call.error("ERR Unsupported option " + std::string(word.substr(0, word.find('\0'))));
      return std::nullopt;
    }
  }
  if (conditions.without && (conditions.with || conditions.later || conditions.sooner)) {
    call.error("ERR NX and XX, GT or LT options at the same time are not compatible");
    return std::nullopt;
  }
  if (conditions.later && conditions.sooner) {
    call.error("ERR GT and LT options at the same time are not compatible");
    return std::nullopt;
  }
  return conditions;
}

/// Lets the key expire at argument 2, counted from `from`; removes it if that is over.
void expire_from(MemoryCall& call, std::int64_t from, Unit unit_given) {
  using Limits = std::numeric_limits<std::int64_t>;
  const auto unit = static_cast<std::int64_t>(unit_given);
  const auto conditions = conditions_of(call);
  if (!conditions) return;
  const auto given = call.integer_of(call.arg(2));
  if (!given) return;
  if (*given > Limits::max() / unit || *given < Limits::min() / unit ||
      *given * unit > Limits::max() - from) {
    return call.invalid_expire_time();
  }
  const std::int64_t at = *given * unit + from;
  MemoryCall::Entry* const entry = call.use(call.arg(1));
  if (!entry || !conditions->allow(entry->expires_at, at)) return call.integer(0);
  entry->expires_at = at;
  if (at <= call.now) call.remove(*entry);
  call.integer(1);
}

/// Answers when the key expires, counted from `from`.
void tell_expiry(MemoryCall& call, std::int64_t from, Unit unit) {
  const MemoryCall::Entry* const entry = call.find(call.arg(1));
  if (!entry) return call.integer(-2);
  if (entry->expires_at == MemoryTable::never) return call.integer(-1);
  const std::int64_t left = entry->expires_at - from;
  if (unit == Unit::milliseconds) return call.integer(left);
  call.integer(static_cast<std::int64_t>((static_cast<std::uint64_t>(left) + 500) / 1000));
}

}  // namespace

void expire(MemoryCall& call) { expire_from(call, call.now, Unit::seconds); }
void pexpire(MemoryCall& call) { expire_from(call, call.now, Unit::milliseconds); }
void expireat(MemoryCall& call) { expire_from(call, 0, Unit::seconds); }
void pexpireat(MemoryCall& call) { expire_from(call, 0, Unit::milliseconds); }

void ttl(MemoryCall& call) { tell_expiry(call, call.now, Unit::seconds); }
void pttl(MemoryCall& call) { tell_expiry(call, call.now, Unit::milliseconds); }
void expiretime(MemoryCall& call) { tell_expiry(call, 0, Unit::seconds); }
void pexpiretime(MemoryCall& call) { tell_expiry(call, 0, Unit::milliseconds); }

void persist(MemoryCall& call) {
  MemoryCall::Entry* const entry = call.use(call.arg(1));
  const bool expires = entry && entry->expires_at != MemoryTable::never;
  if (expires) entry->expires_at = MemoryTable::never;
  call.integer(expires ? 1 : 0);
}

}  // namespace pannier::policies::memory_commands
