#pragma once

#include "policies/validity.hpp"

namespace pannier::policies {

/// Until when a copy of what `check` was about may be served: while it is fresh by upstream's
/// clock, counted from before the question was sent, and no longer than tier and `local.max_ttl`
/// allow; for a stale value, when it was; and long ago when it may not be kept at all.
TimePoint copy_deadline(const ValidityCheck& check, const LocalCopies::View& sent,
                        const Core& core);

/// The same for the knowledge that there is nothing.
TimePoint negative_deadline(const Subject& subject, const LocalCopies::View& sent,
                            const Core& core);

}  // namespace pannier::policies
