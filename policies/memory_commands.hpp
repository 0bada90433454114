#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "policies/memory_call.hpp"

namespace pannier::policies::memory_commands {

/// Each runs one command, whose number of arguments is right, and appends its reply to `call.out`.
#define PANNIER_MEMORY_COMMAND(name) void name(MemoryCall& call);
#include "policies/memory_commands.def"
#undef PANNIER_MEMORY_COMMAND

using Run = void (*)(MemoryCall& call);
/// The function of the command of that name, in lower case; null when it is not in the list.
Run find(std::string_view name);

/// The keys and arguments of an EVAL.
struct Script {
  std::span<const std::string_view> keys, args;
};
/// Runs one of the listed commands with other words.
void run_listed(MemoryCall& call, std::vector<std::string_view> words, std::string_view name);
/// Runs the scripts of a guard. \returns false, and appends nothing, when it is another one.
bool run_guard(MemoryCall& call, const Script& script);
/// The same with those of versions.
bool run_versions(MemoryCall& call, const Script& script);

/// Runs what the sidecar itself sends and no list can name: its scripts, reads and writes of a
/// tag's index and of bans (never kept here: they are always empty), CLIENT CACHING.
/// \returns false, and appends nothing, when it is something else.
bool run_own(MemoryCall& call);

}  // namespace pannier::policies::memory_commands
