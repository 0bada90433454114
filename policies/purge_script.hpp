#pragma once

#include <string_view>

namespace pannier::policies::scripts {

/// Removes keys that expire no later than given: their values began before an invalidation. What
/// was written since expires later and stays, listed; what is gone, or has no expiry, is not listed
/// any more. KEYS[1] the tag's index, KEYS[2...] the keys, ARGV[i] the latest expiry of
/// KEYS[i + 1]. Returns how many stay listed as they were, and how many were removed.
inline constexpr std::string_view purge_older =
    "local old, over, kept = {}, {}, 0 "
    "for i = 2, #KEYS do "
    "  local expiry = redis.call('PEXPIRETIME', KEYS[i]) "
    "  if expiry <= tonumber(ARGV[i - 1]) then "
    "    over[#over + 1] = KEYS[i] "
    "    if expiry >= 0 then old[#old + 1] = KEYS[i] end "
    "  else "
    "    local listed = redis.call('ZSCORE', KEYS[1], KEYS[i]) "
    "    if listed and tonumber(listed) <= tonumber(ARGV[i - 1]) then kept = kept + 1 end "
    "  end "
    "end "
    "if #over > 0 then redis.call('ZREM', KEYS[1], unpack(over)) end "
    "local removed = #old > 0 and redis.call('UNLINK', unpack(old)) or 0 "
    "return {kept, removed}";

}  // namespace pannier::policies::scripts
