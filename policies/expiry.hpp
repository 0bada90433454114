#pragma once

#include <optional>
#include <string_view>

#include "policies/rule_set.hpp"
#include "policies/settings.hpp"
#include "policies/time.hpp"

namespace pannier::policies {

/// How long a key lives under its tier: always the same for the same key, in every sidecar. Where
/// that depends on the day, the longest.
struct Life {
  milliseconds fresh;  ///< T * (1 - jitter * u(key)): the TTL that clients see.
  milliseconds total;  ///< The same plus the stale window: the key's life in Redis.
};
Life life_of(const TierSettings& tier, std::string_view key);
/// The same where the TTL may depend on a day in the key, on the day of `now`. From one day to the
/// next it may become longer, never shorter.
Life life_of(const TierSettings& tier, std::string_view key, const Match& match, ServerTime now);

/// What PEXPIRETIME says about a value that is there.
struct Standing {
  enum class State {
    fresh,
    stale,    ///< Past its TTL, inside the stale window.
    invalid,  ///< Loaded before its tag, pattern or rule was invalidated, or over in any case.
    foreign,  ///< No expiry, or one further away than the tier allows: not written by a sidecar.
  } state = State::fresh;
  milliseconds remaining{0};  ///< Of its physical life; 0 for a foreign value without expiry.
  milliseconds age{0};        ///< Since its load began; 0 for a foreign value.
};

/// Judges a value by the one number Redis keeps for it.
/// \param expiretime what PEXPIRETIME answered: milliseconds, -1 no expiry, -2 no key.
/// \param newest the newest generation of its tags or bans, if there is any; then a foreign value
/// is invalid, as nobody knows when its load began.
/// \param soft the newest soft one: what is older is stale, and no longer than its window from
/// then.
Standing judge(std::int64_t expiretime, ServerTime now, const Life& life,
               std::optional<ServerTime> newest, std::optional<ServerTime> soft = {});

/// The expiry a new value gets. `born` is when its load began; `asked` the TTL the client gave.
ServerTime expiry_for(const TierSettings& tier, const Life& life, ServerTime born,
                      std::optional<milliseconds> asked, bool tagged);

}  // namespace pannier::policies
