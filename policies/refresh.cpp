#include "policies/refresh.hpp"

#include <xxhash.h>

#include <cmath>

namespace pannier::policies {

microseconds until_refresh(const TierSettings& tier, const Life& life, const Standing& standing,
                           microseconds load, double draw) {
  const auto fresh_left = standing.remaining - (life.total - life.fresh);
  switch (tier.refresh.how) {
    case Refresh::How::off:
      break;
    case Refresh::How::at_share: {
      const auto at = static_cast<double>(life.fresh.count()) * tier.refresh.share.value;
      return milliseconds(static_cast<std::int64_t>(at)) - standing.age;
    }
    case Refresh::How::xfetch: {
      const auto early = static_cast<double>(load.count()) * -std::log(draw);
      return fresh_left - microseconds(static_cast<std::int64_t>(early));
    }
  }
  return fresh_left;
}

double draw(std::string_view key, TimePoint now, std::uint64_t serial) {
  const auto seed = static_cast<XXH64_hash_t>(now.time_since_epoch().count()) ^ (serial << 40);
  const auto hash = XXH3_64bits_withSeed(key.data(), key.size(), seed);
  return (static_cast<double>(hash >> 11) + 1) * 0x1.0p-53;
}

}  // namespace pannier::policies
