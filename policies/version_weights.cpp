#include "policies/version_weights.hpp"

#include <xxhash.h>

#include <algorithm>

#include "policies/spelling.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

std::string add_weight(VersionWeights& weights, std::string_view version, std::string_view weight) {
  const auto number = protocol::to_integer(version), share = protocol::to_integer(weight);
  if (!number || *number < 1 || *number > static_cast<std::int64_t>(highest_version)) {
    return quoted(version) + " is not a version: they begin with 1 and end at 10^15";
  }
  if (!share || *share < 0 || *share > std::int64_t{highest_weight}) {
    return quoted(weight) + " is not a weight: write a number from 0 to 1000000";
  }
  if (weights.size() == most_weights) return "more than 16 versions cannot have weights";
  const VersionWeight one{static_cast<std::uint64_t>(*number), static_cast<std::uint32_t>(*share)};
  const auto at = std::ranges::lower_bound(weights, one.version, {}, &VersionWeight::version);
  if (at != weights.end() && at->version == one.version) {
    return "version " + std::string(version) + " has two weights";
  }
  weights.insert(at, one);
  return {};
}

std::string weights_text(const VersionWeights& weights, char within, char between) {
  std::string text;
  for (const auto& [version, weight] : weights) {
    if (!text.empty()) text += between;
    text += std::to_string(version) + within + std::to_string(weight);
  }
  return text;
}

double place_of(std::string_view name, std::string_view client) {
  const auto hash =
      XXH3_64bits_withSeed(client.data(), client.size(), XXH3_64bits(name.data(), name.size()));
  return static_cast<double>(hash >> 11) * 0x1p-53;
}

std::uint64_t version_at(const VersionWeights& weights, double place) {
  double all = 0;
  for (const auto& one : weights) all += one.weight;
  double end = 0;
  std::uint64_t version = weights.front().version;
  for (const auto& one : weights) {
    if (one.weight == 0) continue;
    version = one.version;
    end += one.weight;
    if (place * all < end) break;
  }
  return version;
}

}  // namespace pannier::policies
