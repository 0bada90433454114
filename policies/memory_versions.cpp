// The scripts of versions: see scripts.hpp.

#include <iterator>

#include "policies/memory_commands.hpp"
#include "policies/scripts.hpp"
#include "policies/version_record.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies::memory_commands {
namespace {

bool change(MemoryCall& call, const Script& script) {
  using What = VersionChange::What;
  if (script.keys.size() != 1 || script.args.size() != 6) return false;
  VersionChange wanted;
  for (const auto what : {What::raise, What::weigh, What::pin, What::unpin}) {
    if (name_of(what) == script.args[0]) wanted.what = what;
  }
  std::int64_t numbers[4]{};
  for (std::size_t i = 0; i < std::size(numbers); ++i) {
    const auto number = protocol::to_integer(script.args[i + 1]);
    if (!number || *number < 0) return false;
    numbers[i] = *number;
  }
  wanted.version = static_cast<std::uint64_t>(numbers[0]);
  wanted.grace = milliseconds(numbers[1]);
  wanted.current = static_cast<std::uint64_t>(numbers[2]);
  wanted.top = static_cast<std::uint64_t>(numbers[3]);
  wanted.weights = script.args[5];
  const std::string_view key = script.keys[0];
  MemoryCall::Entry* const record = call.use(key);
  bool refused = false;
  auto text = change_version(record ? record->value : std::string(), wanted, call.now, refused);
  if (refused) {
    call.error(text);
    return true;
  }
  if (!call.admits(key, text.size())) return true;
  call.bulk(text);
  call.store(record, key, std::move(text), MemoryTable::never);
  return true;
}

bool restore(MemoryCall& call, const Script& script) {
  if (script.keys.size() != 1 || script.args.size() != 3) return false;
  const std::string_view key = script.keys[0];
  MemoryCall::Entry* const record = call.use(key);
  const auto wanted = protocol::to_integer(script.args[0]);
  if (!wanted || *wanted < 0) return false;
  const auto there = record ? VersionRecord::parse(record->value).current : 0;
  if (record && there >= static_cast<std::uint64_t>(*wanted)) {
    call.bulk(record->value);
    return true;
  }
  const auto at = script.args[1] == "0" ? std::to_string(call.now) : std::string(script.args[1]);
  auto text = std::string(script.args[0]) + ' ' + at + ' ' + std::string(script.args[2]);
  if (!call.admits(key, text.size())) return true;
  call.bulk(text);
  call.store(record, key, std::move(text), MemoryTable::never);
  return true;
}

}  // namespace

bool run_versions(MemoryCall& call, const Script& script) {
  if (call.arg(1) == scripts::change_version) return change(call, script);
  return call.arg(1) == scripts::restore_version && restore(call, script);
}

}  // namespace pannier::policies::memory_commands
