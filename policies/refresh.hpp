#pragma once

#include <cstdint>
#include <string_view>

#include "policies/expiry.hpp"

namespace pannier::policies {

/// How long a fresh value may still be served before one reader should load it anew; at most 0 when
/// it should now.
/// \param load how long loads take, \param draw in (0, 1], another one each time.
///
/// With `xfetch` this is "Optimal Probabilistic Cache Stampede Prevention" (VLDB 2015): readers
/// anticipate the end by the time of a load times -ln(draw), so that one of them is early enough
/// whatever the rate, and hardly ever two.
microseconds until_refresh(const TierSettings& tier, const Life& life, const Standing& standing,
                           microseconds load, double draw);

/// A number in (0, 1] that nobody can foresee who does not know all of these.
double draw(std::string_view key, TimePoint now, std::uint64_t serial);

}  // namespace pannier::policies
