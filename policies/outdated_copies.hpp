#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "policies/core.hpp"

namespace pannier::policies {

// Copies served past their end, by tiers with stale_if_error, while upstream cannot be asked.
//
// Such a copy was right once and may be wrong now; that is what the tier has chosen over an error.
// It is not served when something was heard or done here that it must be older than: a write or an
// invalidation of its key, its tags or any pattern. What a script changes without naming the key is
// not heard of.

/// What was last known of the key, as the lane gave it; nothing when the tier does not want it or
/// there is none. `question`: empty for the value, else of a kept reply. Valid until the copies
/// change.
std::optional<std::string_view> outdated_copy(Core& core, const Subject& subject,
                                              std::string_view question);

/// The reply to MGET of these keys, if there is such a value of each; then all are counted.
std::optional<std::string> outdated_values(Core& core, std::span<const Subject* const> subjects);

/// Counts reads that were answered like that; they have been counted as reads before.
void count_outdated(TierCounters& counters, std::size_t reads);

}  // namespace pannier::policies
