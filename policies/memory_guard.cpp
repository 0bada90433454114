// The scripts that keep stale values from being stored: see run_guard() in memory_commands.hpp.

#include <algorithm>
#include <string>
#include <vector>

#include "policies/memory_commands.hpp"
#include "policies/scripts.hpp"
#include "protocol/command_table.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies::memory_commands {
namespace {

constexpr std::int64_t micro = 1'000;  ///< The clock here has milliseconds.

std::string record_in(MemoryCall& call, std::string_view key) {
  MemoryCall::Entry* const entry = call.find(key);
  return entry ? entry->value : std::string();
}

void move(MemoryCall& call, std::string_view key, std::int64_t life) {
  MemoryCall::Entry* const entry = call.find(key);
  const std::int64_t old = entry ? protocol::to_integer(entry->value).value_or(0) : 0;
  call.store(entry, key, std::to_string(std::max(call.now * micro, old + 1)), call.now + life);
}

bool guarded_store(MemoryCall& call, const Script& script) {
  const auto& args = script.args;
  if (script.keys.size() != 2 || args.size() < 4) return false;
  const auto life = protocol::to_integer(args[1]);
  if (!life) return false;
  const auto record = record_in(call, script.keys[1]);
  if (record == args[0]) {
    std::vector<std::string_view> words{"SET", script.keys[0]};
    words.insert(words.end(), args.begin() + 3, args.end());
    run_listed(call, std::move(words), "set");
    return true;
  }
  MemoryCall::Entry* const there = call.find(script.keys[0]);
  const auto old = there ? std::optional(there->value) : std::nullopt;
  if (there) call.remove(*there);
  move(call, script.keys[1], *life);
  const auto give_old = [&] { old ? call.bulk(*old) : call.null(); };
  const bool gets = std::any_of(args.begin() + 4, args.end(), [](std::string_view word) {
    return protocol::equals_nocase(word, "get");
  });
  if (args[2] == "0") {
    protocol::append_array(call.out, 2);
    call.bulk("REFUSED");
    give_old();
  } else if (gets) {
    give_old();
  } else {
    call.ok();
  }
  return true;
}

bool guarded_removal(MemoryCall& call, const Script& script) {
  if (script.args.size() < 2 || script.args.size() > 3) return false;
  const auto life = protocol::to_integer(script.args[0]);
  const auto records = protocol::to_integer(script.args[1]);
  if (!life || !records || *records < 0) return false;
  const auto count = static_cast<std::size_t>(*records);
  if (count > script.keys.size()) return false;
  for (const auto key : script.keys.first(count)) move(call, key, *life);
  if (script.args.size() == 2) {
    call.integer(1);
    return true;
  }
  const auto name = protocol::lower(script.args[2]);
  std::vector<std::string_view> words{script.args[2]};
  words.insert(words.end(), script.keys.begin() + static_cast<std::ptrdiff_t>(count),
               script.keys.end());
  run_listed(call, std::move(words), name);
  return true;
}

bool guarded_check(MemoryCall& call, const Script& script) {
  if (script.keys.size() != 2 || script.args.size() != 2) return false;
  const auto life = protocol::to_integer(script.args[1]);
  if (!life) return false;
  const bool stays = record_in(call, script.keys[1]) == script.args[0];
  MemoryCall::Entry* const there = stays ? nullptr : call.find(script.keys[0]);
  if (!stays) move(call, script.keys[1], *life);
  if (there) call.remove(*there);
  call.integer(there != nullptr);
  return true;
}

bool guarded_mset(MemoryCall& call, const Script& script) {
  const auto& args = script.args;
  const auto count = args.size() < 2 ? std::nullopt : protocol::to_integer(args[0]);
  const auto life = args.size() < 2 ? std::nullopt : protocol::to_integer(args[1]);
  if (!count || !life || *count < 0) return false;
  const auto keys = static_cast<std::size_t>(*count);
  if (keys > script.keys.size() || args.size() != 2 + 3 * keys) return false;
  for (std::size_t i = 0; i < keys; ++i) {
    const auto value = args[2 + 3 * i], expected = args[4 + 3 * i];
    const auto place = static_cast<std::size_t>(protocol::to_integer(args[3 + 3 * i]).value_or(0));
    if (place > script.keys.size()) return false;
    if (place == 0 || record_in(call, script.keys[place - 1]) == expected) {
      MemoryCall::Entry* const there = call.find(script.keys[i]);
      call.store(there, script.keys[i], std::string(value), MemoryTable::never);
      continue;
    }
    if (MemoryCall::Entry* const there = call.find(script.keys[i])) call.remove(*there);
    move(call, script.keys[place - 1], *life);
  }
  call.ok();
  return true;
}

}  // namespace

bool run_guard(MemoryCall& call, const Script& script) {
  if (call.arg(1) == scripts::guarded_store) return guarded_store(call, script);
  if (call.arg(1) == scripts::guarded_mset) return guarded_mset(call, script);
  if (call.arg(1) == scripts::guarded_removal) return guarded_removal(call, script);
  return call.arg(1) == scripts::guarded_check && guarded_check(call, script);
}

}  // namespace pannier::policies::memory_commands
