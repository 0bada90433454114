#pragma once

#include <cstdint>
#include <string_view>

namespace pannier::policies {

/// Mistakes that a build with -DPANNIER_TEST_BUGS can be told to make, one at a time: each takes
/// away a rule that a promise rests on, and a check that does not notice is no check.
enum class Bug : std::uint8_t {
  none,
#define PANNIER_BUG(name, text) name,
#include "policies/test_bugs.def"
};

#ifdef PANNIER_TEST_BUGS
/// The one that is made now.
inline Bug active_bug = Bug::none;
inline bool has(Bug bug) { return active_bug == bug; }
#else
constexpr bool has(Bug) { return false; }
#endif

}  // namespace pannier::policies
