// SET and what else writes a whole value with a time to live; GETEX, which reads the same options.

#include <limits>
#include <optional>
#include <string>

#include "policies/memory_commands.hpp"
#include "protocol/command_table.hpp"

namespace pannier::policies::memory_commands {
namespace {

using protocol::equals_nocase;

enum class Deadline : std::uint8_t { none, keep, persist, ex, px, exat, pxat };

struct Options {
  bool only_absent = false, only_present = false, get = false;
  Deadline deadline = Deadline::none;
  std::string_view time;  ///< With a timed deadline.
};

bool is_timed(Deadline deadline) { return deadline >= Deadline::ex; }

Deadline deadline_of(std::string_view word) {
  if (equals_nocase(word, "keepttl")) return Deadline::keep;
  if (equals_nocase(word, "persist")) return Deadline::persist;
  if (equals_nocase(word, "ex")) return Deadline::ex;
  if (equals_nocase(word, "px")) return Deadline::px;
  if (equals_nocase(word, "exat")) return Deadline::exat;
  if (equals_nocase(word, "pxat")) return Deadline::pxat;
  return Deadline::none;
}

/// SET's words that are not about time. \returns false when `word` is none, or contradicts another.
bool take_condition(Options& options, std::string_view word) {
  if (equals_nocase(word, "nx") && !options.only_present) return options.only_absent = true;
  if (equals_nocase(word, "xx") && !options.only_absent) return options.only_present = true;
  if (equals_nocase(word, "get")) return options.get = true;
  return false;
}

/// Reads the options of SET, which may keep the time to live, or of GETEX, which may end it. As in
/// Redis a word may stand twice, the last one counts; two that contradict each other may not.
std::optional<Options> options_of(std::span<const std::string_view> args, Deadline untimed) {
  Options options;
  for (std::size_t i = 0; i < args.size(); ++i) {
    if (untimed == Deadline::keep && take_condition(options, args[i])) continue;
    const Deadline deadline = deadline_of(args[i]);
    if (!is_timed(deadline) && deadline != untimed) return std::nullopt;
    if (options.deadline != Deadline::none && options.deadline != deadline) return std::nullopt;
    options.deadline = deadline;
    if (!is_timed(deadline)) continue;
    if (++i == args.size()) return std::nullopt;
    options.time = args[i];
  }
  return options;
}

/// The moment that `text` means, in server milliseconds; answers the error where it means none.
std::optional<std::int64_t> moment_of(MemoryCall& call, Deadline deadline, std::string_view text) {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  const auto given = call.integer_of(text);
  if (!given) return std::nullopt;
  const std::int64_t unit = deadline == Deadline::ex || deadline == Deadline::exat ? 1000 : 1;
  const std::int64_t from = deadline == Deadline::ex || deadline == Deadline::px ? call.now : 0;
  if (*given <= 0 || *given > most / unit || *given * unit > most - from) {
    call.invalid_expire_time();
    return std::nullopt;
  }
  return *given * unit + from;
}

void set_with_deadline(MemoryCall& call, Deadline deadline) {
  const auto at = moment_of(call, deadline, call.arg(2));
  if (!at || !call.admits(call.arg(1), call.arg(3).size())) return;
  call.store(call.use(call.arg(1)), call.arg(1), std::string(call.arg(3)), *at);
  call.ok();
}

}  // namespace

void set(MemoryCall& call) {
  const std::string_view key = call.arg(1), value = call.arg(2);
  const auto options = options_of(call.args.subspan(3), Deadline::keep);
  if (!options) return call.syntax_error();
  std::int64_t at = MemoryTable::never;
  if (is_timed(options->deadline)) {
    const auto moment = moment_of(call, options->deadline, options->time);
    if (!moment) return;
    at = *moment;
  }
  if (!call.admits(key, value.size())) return;
  MemoryCall::Entry* const entry = call.use(key);
  if (options->get) call.value_or_null(entry);
  if (entry ? options->only_absent : options->only_present) {
    if (!options->get) call.null();
    return;
  }
  if (entry && options->deadline == Deadline::keep) at = entry->expires_at;
  call.store(entry, key, std::string(value), at);
  if (!options->get) call.ok();
}

void setex(MemoryCall& call) { set_with_deadline(call, Deadline::ex); }
void psetex(MemoryCall& call) { set_with_deadline(call, Deadline::px); }

void setnx(MemoryCall& call) {
  if (!call.admits(call.arg(1), call.arg(2).size())) return;
  MemoryCall::Entry* const entry = call.use(call.arg(1));
  if (!entry) call.store(nullptr, call.arg(1), std::string(call.arg(2)), MemoryTable::never);
  call.integer(entry ? 0 : 1);
}

void getset(MemoryCall& call) {
  if (!call.admits(call.arg(1), call.arg(2).size())) return;
  MemoryCall::Entry* const entry = call.use(call.arg(1));
  call.value_or_null(entry);
  call.store(entry, call.arg(1), std::string(call.arg(2)), MemoryTable::never);
}

void getex(MemoryCall& call) {
  const auto options = options_of(call.args.subspan(2), Deadline::persist);
  if (!options) return call.syntax_error();
  MemoryCall::Entry* const entry = call.use(call.arg(1));
  if (!entry) return call.null();
  std::optional<std::int64_t> at;
  if (is_timed(options->deadline)) {
    at = moment_of(call, options->deadline, options->time);
    if (!at) return;
  }
  call.bulk(entry->value);
  if (options->deadline == Deadline::persist) entry->expires_at = MemoryTable::never;
  if (!at) return;
  entry->expires_at = *at;
  if (*at <= call.now) call.remove(*entry);
}

}  // namespace pannier::policies::memory_commands
