#include "protocol/command_table.hpp"

#include <array>

namespace pannier::protocol {
namespace {

constexpr CommandSpec spec_of(std::string_view name, std::int8_t arity, Access access, Route route,
                              Verb verb, std::int8_t first, std::int8_t last, std::int8_t step,
                              KeyRule keys, bool may_block, std::string_view plain_with) {
  return {name,      arity, access,    route, verb, first, last, step, keys != KeyRule::fixed,
          may_block, keys,  plain_with};
}

constexpr bool blocking = true;
constexpr bool never = false;
constexpr CommandSpec table[] = {
#define PANNIER_COMMAND(name, arity, access, route, verb, first, last, step, keys, waits, with)    \
  spec_of(name, arity, Access::access, Route::route, Verb::verb, first, last, step, KeyRule::keys, \
          waits, with),
#include "protocol/commands.def"
#undef PANNIER_COMMAND
};

constexpr char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

/// Five bytes tell the names of a few hundred commands apart well enough; case does not matter.
/// `name` is not empty.
constexpr std::size_t hash_of(std::string_view name) {
  const std::size_t size = name.size();
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(name[i]) | 0x20u; };
  const std::size_t hash = size + at(0) * 257 + at(size / 4) * 1799 + at(size / 2) * 199 +
                           at(size * 3 / 4) * 995 + at(size - 1) * 163;
  return hash ^ (hash >> 10);
}

constexpr std::size_t slots = 1024;
static_assert(std::size(table) * 2 < slots);

/// Open addressing: the number of a line of the table plus one, 0 for an empty slot.
constexpr std::array<std::uint16_t, slots> index = [] {
  std::array<std::uint16_t, slots> built{};
  for (std::size_t line = 0; line < std::size(table); ++line) {
    std::size_t slot = hash_of(table[line].name) % slots;
    while (built[slot] != 0) slot = (slot + 1) % slots;
    built[slot] = static_cast<std::uint16_t>(line + 1);
  }
  return built;
}();

constexpr std::size_t longest_name = [] {
  std::size_t longest = 0;
  for (const CommandSpec& spec : table) {
    if (spec.name.size() > longest) longest = spec.name.size();
  }
  return longest;
}();

}  // namespace

const CommandSpec* find_command(std::string_view name) {
  if (name.empty() || name.size() > longest_name) return nullptr;
  for (std::size_t slot = hash_of(name) % slots; index[slot] != 0; slot = (slot + 1) % slots) {
    const CommandSpec& spec = table[index[slot] - 1];
    if (equals_nocase(name, spec.name)) return &spec;
  }
  return nullptr;
}

std::span<const CommandSpec> all_commands() { return table; }

std::string lower(std::string_view text) {
  std::string low(text);
  for (char& byte : low) byte = lower(byte);
  return low;
}

bool subscribes(Verb verb) {
  switch (verb) {
    case Verb::subscribe:
    case Verb::psubscribe:
    case Verb::ssubscribe:
    case Verb::unsubscribe:
    case Verb::punsubscribe:
    case Verb::sunsubscribe:
    case Verb::monitor:
      return true;
    default:
      return false;
  }
}

bool equals_nocase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != b[i]) return false;
  }
  return true;
}

}  // namespace pannier::protocol
