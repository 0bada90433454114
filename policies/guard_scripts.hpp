#pragma once

#include <string_view>

namespace pannier::policies::scripts {

/// Stores a value if the record of its key's removals says what it said when the key was missed;
/// else removes the key and changes the record. KEYS[1] the key, KEYS[2] the record, ARGV[1] what
/// it must say, ARGV[2] how long it lives, ARGV[3] 1: answer a refusal as if it had been stored,
/// ARGV[4...] the value and options of SET.
inline constexpr std::string_view guarded_store =
    "local record = redis.call('GET', KEYS[2]) or '' "
    "if record == ARGV[1] then return redis.call('SET', KEYS[1], unpack(ARGV, 4)) end "
    "local old = redis.pcall('GET', KEYS[1]) "
    "if type(old) == 'table' then old = false end "
    "local t = redis.call('TIME') "
    "local new = math.max(t[1] * 1000000 + t[2], (tonumber(record) or 0) + 1) "
    "redis.call('SET', KEYS[2], string.format('%.0f', new), 'PX', ARGV[2]) "
    "redis.call('DEL', KEYS[1]) "
    "if ARGV[3] == '0' then return {'REFUSED', old} end "
    "for i = 5, #ARGV do if ARGV[i] == 'GET' then return old end end "
    "return redis.status_reply('OK')";

/// MSET of keys of which some have such records. KEYS[1...n] the keys, then the records, ARGV[1] n,
/// ARGV[2] how long records live, then for each key its value, the place of its record among KEYS
/// (0: it has none) and what that must say. Returns OK, whichever were stored.
inline constexpr std::string_view guarded_mset =
    "local t = redis.call('TIME') "
    "for i = 1, tonumber(ARGV[1]) do "
    "  local value, place, expected = ARGV[i * 3], tonumber(ARGV[i * 3 + 1]), ARGV[i * 3 + 2] "
    "  local record = place > 0 and (redis.call('GET', KEYS[place]) or '') or expected "
    "  if record == expected then redis.call('SET', KEYS[i], value) else "
    "    local new = math.max(t[1] * 1000000 + t[2], (tonumber(record) or 0) + 1) "
    "    redis.call('SET', KEYS[place], string.format('%.0f', new), 'PX', ARGV[2]) "
    "    redis.call('DEL', KEYS[i]) "
    "  end "
    "end "
    "return redis.status_reply('OK')";

/// Changes records, and runs a command in the same step. KEYS[1...] the records, then the command's
/// keys, ARGV[1] how long records live, ARGV[2] how many they are, ARGV[3] the command, if any.
/// Returns what it returns, or 1.
inline constexpr std::string_view guarded_removal =
    "local t = redis.call('TIME') "
    "local n = tonumber(ARGV[2]) "
    "for i = 1, n do "
    "  local old = tonumber(redis.call('GET', KEYS[i]) or '') or 0 "
    "  local new = math.max(t[1] * 1000000 + t[2], old + 1) "
    "  redis.call('SET', KEYS[i], string.format('%.0f', new), 'PX', ARGV[1]) "
    "end "
    "if not ARGV[3] then return 1 end "
    "return redis.pcall(ARGV[3], unpack(KEYS, n + 1))";

/// Removes a key that was just stored unless its record says what it should. KEYS and ARGV[1],
/// ARGV[2] as for guarded_store. Returns whether it was removed.
inline constexpr std::string_view guarded_check =
    "local record = redis.call('GET', KEYS[2]) or '' "
    "if record == ARGV[1] then return 0 end "
    "local t = redis.call('TIME') "
    "local new = math.max(t[1] * 1000000 + t[2], (tonumber(record) or 0) + 1) "
    "redis.call('SET', KEYS[2], string.format('%.0f', new), 'PX', ARGV[2]) "
    "return redis.call('DEL', KEYS[1])";

}  // namespace pannier::policies::scripts
