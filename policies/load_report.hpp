#pragma once

#include "policies/core.hpp"
#include "protocol/value.hpp"

namespace pannier::policies {

/// What operators see of loads, the slowest first: {"origins": {...}, "databases": {...},
/// "rules": {...}}. A rule's loads are timed from the nil of a miss to the SET that fills it, by
/// whomever; rules without a load are left out.
protocol::Value load_report(const Core& core);

}  // namespace pannier::policies
