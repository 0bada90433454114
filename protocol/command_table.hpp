#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/command.hpp"

namespace pannier::protocol {

/// What a command does to the keys it names.
enum class Access : std::uint8_t {
  none,   ///< No keys (PING, INFO, PUBLISH).
  read,   ///< Only looks.
  write,  ///< Changes or removes the keys it names, and no others.
  all,    ///< May change any key (FLUSHALL, SWAPDB, EVAL, a module's command).
};

/// How a command travels.
enum class Route : std::uint8_t {
  lane,   ///< append_as_resp2() makes RESP2's reply of RESP3's: may go through the lane.
  plain,  ///< Over a shared connection in the client's own protocol.
  pin,    ///< Leaves state behind in its connection, or blocks it: needs one of its own.
  local,  ///< Answered here: it is about the client's connection (PING, HELLO, SELECT ...).
};

/// Commands the pipeline treats in its own way when a rule matches their key, each one named.
enum class Verb : std::uint8_t {
  other,
#define PANNIER_VERB(name) name,
#include "protocol/verbs.def"
#undef PANNIER_VERB
};

/// How the keys of a command are found that COMMAND cannot tell by first, last and step.
enum class KeyRule : std::uint8_t {
  fixed,           ///< first_key to last_key by key_step.
  counted_from_1,  ///< args[1] says how many keys follow it (ZUNION, SINTERCARD, LMPOP).
  counted_from_2,  ///< args[2] says how many keys follow it (EVAL, FCALL, BLMPOP).
  stored_counted,  ///< Like counted_from_2, and args[1] is a key, too (ZUNIONSTORE).
  sort_store,      ///< args[1], and what the last STORE names.
  geo_store,       ///< args[1], and what STORE and STOREDIST name.
  streams,         ///< The first half of what follows STREAMS.
  migrate,         ///< args[3], or what follows KEYS when that is empty.
  subcommand,      ///< args[2] when there is one and args[1] is not HELP (OBJECT, XGROUP).
  unknown,         ///< A command learned from the upstream: cannot be told.
};

/// One line of commands.def.
struct CommandSpec {
  std::string_view name;  ///< Lower case, as Redis prints it.
  std::int8_t arity;      ///< As in COMMAND: exact, or at least -arity; the name counts.
  Access access;
  Route route;
  Verb verb;
  std::int8_t first_key, last_key, key_step;  ///< As in COMMAND; 0 when there are none.
  bool movable_keys;  ///< Key positions depend on the arguments (EVAL, XREAD, SORT ... STORE).
  bool may_block;     ///< Waits on purpose for data or time.
  KeyRule key_rule = KeyRule::unknown;  ///< With movable_keys: where they are.
  std::string_view plain_with = {};     ///< See converts().

  bool accepts(std::size_t arguments) const {
    return arity >= 0 ? arguments == std::size_t(arity) : arguments >= std::size_t(-arity);
  }
};

/// The command of that name in any case; null when the table does not know it.
const CommandSpec* find_command(std::string_view name);

/// Whether a command leads into a tunnel or out of it: what follows its reply is pushed.
bool subscribes(Verb verb);

/// The whole table, for tests and for `COMMAND DOCS`.
std::span<const CommandSpec> all_commands();

/// Puts the positions of the keys in `args` into `positions` (cleared first), in order.
/// \returns false when they cannot be told (wrong arity, broken numkeys): pass such a command on.
bool find_keys(const CommandSpec& spec, std::span<const std::string_view> args,
               std::vector<std::uint32_t>& positions);

/// Whether a command may go by the lane with these arguments: it is of Route::lane and has none of
/// the options whose replies RESP3 shapes in another way (ZRANGE ... WITHSCORES, LPOP with a
/// count).
bool converts(const CommandSpec& spec, std::span<const std::string_view> args);

/// Whether the command may wait with these arguments: XREAD only with BLOCK, WAIT always.
bool blocks(const CommandSpec& spec, std::span<const std::string_view> args);

/// The text with its ASCII letters in lower case.
std::string lower(std::string_view text);

/// Whether `a` equals the lower-case `b` in any case.
bool equals_nocase(std::string_view a, std::string_view b);

}  // namespace pannier::protocol
