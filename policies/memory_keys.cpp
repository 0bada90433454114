// Commands on keys whatever their value.

#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "policies/memory_commands.hpp"
#include "protocol/command_table.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies::memory_commands {
namespace {

constexpr std::int64_t databases = 16;  // Redis's own default.

struct CopyOptions {
  std::uint32_t db;
  bool replace = false;
};

/// Answers the error where it returns nothing.
std::optional<std::uint32_t> db_of(MemoryCall& call, std::string_view text) {
  const auto number = call.integer_of(text);
  if (!number) return std::nullopt;
  if (*number < std::numeric_limits<int>::min() || *number > std::numeric_limits<int>::max()) {
    call.error("ERR value is out of range, value must between -2147483648 and 2147483647");
    return std::nullopt;
  }
  if (*number < 0 || *number >= databases) {
    call.error("ERR DB index is out of range");
    return std::nullopt;
  }
  return static_cast<std::uint32_t>(*number);
}

/// Answers the error where it returns nothing.
std::optional<CopyOptions> copy_options_of(MemoryCall& call) {
  CopyOptions options{call.db};
  for (std::size_t i = 3; i < call.args.size(); ++i) {
    if (protocol::equals_nocase(call.arg(i), "replace")) {
      options.replace = true;
    } else if (protocol::equals_nocase(call.arg(i), "db") && i + 1 < call.args.size()) {
      const auto db = db_of(call, call.arg(++i));
      if (!db) return std::nullopt;
      options.db = *db;
    } else {
      call.syntax_error();
      return std::nullopt;
    }
  }
  return options;
}

enum class Target : std::uint8_t { any, absent };
enum class Found : std::uint8_t { nothing, itself, taken, moved };

/// Moves the value of the first key to the second, with its expiry.
Found move_value(MemoryCall& call, Target target) {
  MemoryCall::Entry* const from = call.use(call.arg(1));
  if (!from) return Found::nothing;
  if (call.arg(1) == call.arg(2)) return Found::itself;
  MemoryCall::Entry* const to = call.find(call.arg(2));
  if (to && target == Target::absent) return Found::taken;
  if (to) call.remove(*to);
  const std::int64_t expires_at = from->expires_at;
  std::string value = call.table.take(*from);
  call.table.insert(call.db, call.arg(2), std::move(value), expires_at);
  return Found::moved;
}

std::int64_t count_keys(MemoryCall& call,
                        MemoryCall::Entry* (MemoryCall::*look)(std::string_view)) {
  std::int64_t count = 0;
  for (const std::string_view key : call.args.subspan(1)) count += (call.*look)(key) ? 1 : 0;
  return count;
}

}  // namespace

void exists(MemoryCall& call) { call.integer(count_keys(call, &MemoryCall::find)); }
void touch(MemoryCall& call) { call.integer(count_keys(call, &MemoryCall::use)); }

void del(MemoryCall& call) {
  std::int64_t removed = 0;
  for (const std::string_view key : call.args.subspan(1)) {
    MemoryCall::Entry* const entry = call.find(key);
    if (!entry) continue;
    call.remove(*entry);
    ++removed;
  }
  call.integer(removed);
}

void unlink(MemoryCall& call) { del(call); }

void type(MemoryCall& call) {
  protocol::append_simple(call.out, call.find(call.arg(1)) ? "string" : "none");
}

void rename(MemoryCall& call) {
  if (move_value(call, Target::any) == Found::nothing) return call.error("ERR no such key");
  call.ok();
}

void renamenx(MemoryCall& call) {
  const Found found = move_value(call, Target::absent);
  if (found == Found::nothing) return call.error("ERR no such key");
  call.integer(found == Found::moved ? 1 : 0);
}

void copy(MemoryCall& call) {
  const std::string_view key = call.arg(1), new_key = call.arg(2);
  const auto options = copy_options_of(call);
  if (!options) return;
  if (options->db == call.db && key == new_key) {
    return call.error("ERR source and destination objects are the same");
  }
  const MemoryCall::Entry* const from = call.use(key);
  if (!from) return call.integer(0);
  MemoryCall::Entry* const to = call.find_in(options->db, new_key);
  if (to && !options->replace) return call.integer(0);
  if (!call.admits(new_key, from->value.size())) return;
  if (to) call.remove(*to);
  call.table.insert(options->db, new_key, std::string(std::string_view(from->value)),
                    from->expires_at);
  call.integer(1);
}

}  // namespace pannier::policies::memory_commands
