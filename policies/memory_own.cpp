// What the sidecar itself sends: see run_own() in memory_commands.hpp.

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "policies/beginning.hpp"
#include "policies/memory_commands.hpp"
#include "policies/scripts.hpp"
#include "policies/tag_generations.hpp"
#include "protocol/command_table.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies::memory_commands {
namespace {

constexpr std::string_view tag_index_prefix = "pn:t:";
constexpr std::string_view bans_key = "pn:b";

/// Nothing where their number is not what the EVAL says.
std::optional<Script> script_of(MemoryCall& call) {
  const auto count = protocol::to_integer(call.arg(2));
  const auto rest = call.args.subspan(3);
  if (!count || *count < 0 || *count > static_cast<std::int64_t>(rest.size())) return std::nullopt;
  const auto keys = static_cast<std::size_t>(*count);
  return Script{rest.first(keys), rest.subspan(keys)};
}

/// 0 where there is none.
std::int64_t number_in(MemoryCall& call, std::string_view key) {
  const MemoryCall::Entry* const entry = call.find(key);
  return entry ? protocol::to_integer(entry->value).value_or(0) : 0;
}

void keep_beginning(MemoryCall& call, std::span<const std::string_view> keys, std::int64_t at) {
  for (const auto key : keys) {
    if (at <= std::max(call.now, number_in(call, key))) continue;
    call.store(call.find(key), key, std::to_string(at), at);
  }
}

bool announce(MemoryCall& call, const Script& script) {
  const auto at = script.args.size() == 1 ? protocol::to_integer(script.args[0]) : std::nullopt;
  if (!at || script.keys.empty()) return false;
  keep_beginning(call, script.keys, *at);
  call.integer(1);
  return true;
}

bool raise_generation(MemoryCall& call, const Script& script) {
  if (script.keys.empty() || script.keys.size() > 3 || script.args.size() != 2) return false;
  const auto life = protocol::to_integer(script.args[0]);
  if (!life || *life <= 0) return false;
  const std::string_view key = script.keys[0];
  MemoryCall::Entry* const entry = call.use(key);
  const auto known = entry ? Generation::parse(entry->value) : std::nullopt;
  const bool has_beginning = script.keys.size() == 3;
  const ServerTime now{
      milliseconds(has_beginning ? std::max(call.now, number_in(call, script.keys[2])) : call.now)};
  const auto raised = known ? std::max(now, known->last() + milliseconds(1)) : now;
  Generation generation(raised);
  if (script.args[1] == "soft" && known) {
    generation = *known;
    generation.soft = raised;
  }
  auto text = generation.text();
  if (!call.admits(key, text.size())) return true;
  call.bulk(text);
  call.store(entry, key, std::move(text), call.now + *life);
  if (script.keys.size() >= 2) {
    MemoryCall::Entry* const any = call.find(script.keys[1]);
    const auto before = any ? protocol::to_integer(any->value).value_or(0) : 0;
    const auto last = std::max(before, raised.time_since_epoch().count());
    call.store(any, script.keys[1], std::to_string(last), call.now + *life);
  }
  return true;
}

bool create_generations(MemoryCall& call, const Script& script) {
  if (script.keys.empty() || script.args.size() != 2) return false;
  const auto began = protocol::to_integer(script.args[0]);
  const auto life = protocol::to_integer(script.args[1]);
  if (!began || !life) return false;
  MemoryCall::Entry* const any = call.find(script.keys[0]);
  const auto last = any ? protocol::to_integer(any->value).value_or(call.now) : call.now - 1;
  call.store(any, script.keys[0], std::to_string(last), call.now + *life);
  const auto at = std::to_string(last < *began ? *began - 1 : std::max(call.now - 1, last));
  for (const auto key : script.keys.subspan(1)) {
    if (call.find(key) == nullptr) call.store(nullptr, key, at, call.now + *life);
  }
  call.integer(call.now);
  return true;
}

/// The lease that a script is about, if it is still whose token comes with it.
MemoryCall::Entry* own_lease(MemoryCall& call, const Script& script) {
  MemoryCall::Entry* const lease = call.find(script.keys[0]);
  return lease != nullptr && lease->value == script.args[0] ? lease : nullptr;
}

bool hold_lease(MemoryCall& call, const Script& script) {
  if (script.keys.size() != 1 || script.args.size() != 2) return false;
  const auto time = protocol::to_integer(script.args[1]);
  if (!time) return false;
  MemoryCall::Entry* const lease = own_lease(call, script);
  call.integer(lease != nullptr);
  if (lease && *time > 0) lease->expires_at = call.now + *time;
  if (lease && *time == 0) call.remove(*lease);
  return true;
}

bool note_absent(MemoryCall& call, const Script& script) {
  if (script.keys.size() != 2 || script.args.size() != 3) return false;
  const auto time = protocol::to_integer(script.args[2]);
  if (!time) return false;
  MemoryCall::Entry* const lease = own_lease(call, script);
  call.integer(lease != nullptr);
  if (lease == nullptr) return true;
  call.remove(*lease);
  call.store(call.find(script.keys[1]), script.keys[1], std::string(script.args[1]),
             call.now + *time);
  return true;
}

bool purge_older(MemoryCall& call, const Script& script) {
  if (script.keys.empty() || script.args.size() != script.keys.size() - 1) return false;
  std::int64_t kept = 0, removed = 0;
  for (std::size_t i = 0; i < script.args.size(); ++i) {
    MemoryCall::Entry* const entry = call.find(script.keys[i + 1]);
    const auto latest = protocol::to_integer(script.args[i]);
    if (entry && latest && entry->expires_at > *latest) {
      ++kept;
      continue;
    }
    if (!entry || entry->expires_at < 0) continue;
    call.remove(*entry);
    ++removed;
  }
  protocol::append_array(call.out, 2);
  call.integer(kept);
  call.integer(removed);
  return true;
}

/// As the scripts that begin a write now: creates the generations that are missing, just before
/// now. \returns the first moment that is neither before `least` nor before any of them.
std::int64_t begin(MemoryCall& call, std::span<const std::string_view> keys, std::int64_t least,
                   std::int64_t life) {
  std::int64_t born = std::max(call.now, least);
  const auto half = keys.size() / 2;
  for (const auto key : keys.subspan(1, half - 1)) {
    MemoryCall::Entry* const entry = call.find(key);
    const auto generation = entry ? Generation::parse(entry->value) : std::nullopt;
    if (generation) {
      born = std::max(born, generation->last().time_since_epoch().count() + 1);
    } else {
      call.store(entry, key, std::to_string(call.now - 1), call.now + life);
    }
  }
  keep_beginning(call, keys.subspan(half), born);
  return born;
}

bool keep_record(MemoryCall& call, const Script& script) {
  if (script.keys.size() != 2 || script.args.size() != 3) return false;
  const auto life = protocol::to_integer(script.args[1]);
  if (!life) return false;
  MemoryCall::Entry* const record = call.find(script.keys[0]);
  const bool creates = script.args[2] == "1" || call.find(script.keys[1]) == nullptr;
  if (!call.admits(script.keys[0], script.args[0].size())) return true;
  if (record == nullptr && creates) {
    call.store(nullptr, script.keys[0], std::string(script.args[0]), call.now + *life);
  } else if (record != nullptr && record->expires_at >= 0) {
    record->expires_at = std::max(record->expires_at, call.now + *life);
  }
  call.integer(1);
  return true;
}

bool change_tags(MemoryCall& call, const Script& script) {
  if (script.keys.size() < 2 || script.args.size() != 3) return false;
  const auto least = protocol::to_integer(script.args[2]);
  if (!least) return false;
  MemoryCall::Entry* const record = call.find(script.keys[0]);
  const std::string before = record ? record->value : std::string();
  if (before != script.args[0]) {
    call.integer(0);
    return true;
  }
  const auto number = [](std::string_view text) {
    return protocol::to_integer(text.substr(0, text.find(' ')));
  };
  std::int64_t floor = number(before).value_or(0), life = *least;
  const MemoryCall::Entry* const value = call.find(script.keys[1]);
  if (before.empty() && value) floor = call.now;
  for (const auto key : script.keys.subspan(2)) {
    const MemoryCall::Entry* const entry = call.find(key);
    floor = std::max(floor, entry ? number(entry->value).value_or(call.now) : call.now);
  }
  for (const auto* entry : {static_cast<const MemoryCall::Entry*>(record), value}) {
    if (entry && entry->expires_at >= 0) life = std::max(life, entry->expires_at - call.now);
  }
  std::string text = std::to_string(floor) + std::string(script.args[1]);
  if (!call.admits(script.keys[0], text.size())) return true;
  call.store(record, script.keys[0], std::move(text), call.now + life);
  call.integer(1);
  return true;
}

bool store_now(MemoryCall& call, const Script& script) {
  if (script.keys.size() < 2 || script.args.size() < 4) return false;
  const auto life = protocol::to_integer(script.args[1]);
  const auto their_life = protocol::to_integer(script.args[2]);
  const auto least = protocol::to_integer(script.args[3]);
  if (!life || !their_life || !least) return false;
  const auto born = begin(call, script.keys, *least, *their_life);
  const auto expiry = std::to_string(born + *life);
  std::vector<std::string_view> words{"SET", script.keys[0], script.args[0], "PXAT", expiry};
  words.insert(words.end(), script.args.begin() + 4, script.args.end());
  run_listed(call, std::move(words), "set");
  return true;
}

bool expire_now(MemoryCall& call, const Script& script) {
  if (script.keys.size() < 2 || script.args.size() != 3) return false;
  const auto life = protocol::to_integer(script.args[0]);
  const auto their_life = protocol::to_integer(script.args[1]);
  const auto least = protocol::to_integer(script.args[2]);
  if (!life || !their_life || !least) return false;
  const auto born = begin(call, script.keys, *least, *their_life);
  const auto expiry = std::to_string(born + *life);
  run_listed(call, {"PEXPIREAT", script.keys[0], expiry, "NX"}, "pexpireat");
  return true;
}

bool eval(MemoryCall& call) {
  const auto script = script_of(call);
  if (!script) return false;
  if (call.arg(1) == scripts::raise_generation) return raise_generation(call, *script);
  if (run_versions(call, *script)) return true;
  if (call.arg(1) == scripts::store_now) return store_now(call, *script);
  if (call.arg(1) == scripts::create_generations) return create_generations(call, *script);
  if (call.arg(1) == scripts::keep_record) return keep_record(call, *script);
  if (call.arg(1) == scripts::change_tags) return change_tags(call, *script);
  if (call.arg(1) == scripts::expire_now) return expire_now(call, *script);
  if (call.arg(1) == scripts::hold_lease) return hold_lease(call, *script);
  if (call.arg(1) == scripts::note_absent) return note_absent(call, *script);
  if (call.arg(1) == scripts::announce) return announce(call, *script);
  if (call.arg(1) == scripts::raise_bans) {
    // They are remembered by whoever makes them; nobody else is here.
    call.integer(std::max(call.now, number_in(call, beginning::key)));
    return true;
  }
  if (run_guard(call, *script)) return true;
  return call.arg(1) == scripts::purge_older && purge_older(call, *script);
}

/// The sorted set of a tag's keys is always empty, and stays so.
bool run_on_index(MemoryCall& call) {
  for (const std::string_view name : {"zadd", "zcount", "zrem", "zremrangebyscore"}) {
    if (call.name != name) continue;
    call.integer(0);
    return true;
  }
  if (call.name != "zrange" && call.name != "zrangebyscore") return false;
  protocol::append_array(call.out, 0);
  return true;
}

}  // namespace

void run_listed(MemoryCall& call, std::vector<std::string_view> words, std::string_view name) {
  MemoryCall inner{call.table, call.max_bytes, name, words, call.db, call.resp, call.now, call.out};
  find(name)(inner);
}

bool run_own(MemoryCall& call) {
  if (call.name == "eval") return eval(call);
  if (call.name == "client") {
    if (call.args.size() != 3 || !protocol::equals_nocase(call.arg(1), "caching")) return false;
    call.ok();
    return true;
  }
  if (call.args.size() < 2) return false;
  const bool is_set = call.arg(1).starts_with(tag_index_prefix) || call.arg(1) == bans_key;
  return is_set && run_on_index(call);
}

}  // namespace pannier::policies::memory_commands
