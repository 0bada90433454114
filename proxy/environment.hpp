#pragma once

#include <boost/system/result.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "policies/settings.hpp"

namespace pannier::proxy {

/// The mode that the environment asks for, and the variable that did.
struct ModeWish {
  policies::Mode mode;
  std::string variable;
};

/// The value of a variable; null when it is not set, as getenv() has it.
using Environment = std::function<const char*(const char* name)>;

/// Reads PANNIER_MODE, and the switches that applications have for their own caches, which then
/// need not be changed to be switched off: CACHE_DISABLE, CACHE_DISABLED, DISABLE_CACHE,
/// CACHE_ENABLED and ENABLE_CACHE ask for bypass, SKIP_REDIS and REDIS_ENABLED for memory.
/// PANNIER_MODE is obeyed before all others, and an empty value is none.
/// \returns nothing when none asks for anything, or what is wrong in one sentence.
boost::system::result<std::optional<ModeWish>, std::string> mode_wish(const Environment& value_of);

/// Reads WARM_CACHE_ON_STARTUP, the switch that applications have for warming at the start.
/// \returns nothing where it is not set, or what is wrong in one sentence.
boost::system::result<std::optional<bool>, std::string> warm_wish(const Environment& value_of);

}  // namespace pannier::proxy
