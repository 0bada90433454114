#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "policies/automation.hpp"
#include "policies/date.hpp"

namespace pannier::policies {

/// The keys of a set on that day: `{today}` becomes the day as 2026-11-21, `{today-3}` the third
/// day before it; a brace that is meant is written `{{`.
std::vector<std::string> warm_keys(const WarmSettings& set, Date today);

/// What is wrong with one of them, in a sentence; empty if nothing is.
std::string objection_to_warm_key(std::string_view key);

}  // namespace pannier::policies
