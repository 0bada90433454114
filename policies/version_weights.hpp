#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pannier::policies {

/// Which share of all clients uses a version.
struct VersionWeight {
  std::uint64_t version = 0;
  std::uint32_t weight = 0;  ///< Of the sum of all weights.
  bool operator==(const VersionWeight&) const = default;
};
/// Ascending by version, none twice.
using VersionWeights = std::vector<VersionWeight>;

/// Versions begin with 1; there is room for times in milliseconds, and for counting on.
inline constexpr std::uint64_t highest_version = 1'000'000'000'000'000;
inline constexpr std::uint32_t highest_weight = 1'000'000;
inline constexpr std::size_t most_weights = 16;

/// Puts one more pair of texts in its place. \returns what is wrong with it; empty if nothing.
std::string add_weight(VersionWeights& weights, std::string_view version, std::string_view weight);
/// `1=90 2=10`, with other signs between them if asked for.
std::string weights_text(const VersionWeights& weights, char within = '=', char between = ' ');

/// A client's fixed place in [0, 1), for all weights of the version called `name`: always the same
/// for the same client, and independent of its place under other names.
double place_of(std::string_view name, std::string_view client);

/// The version of whoever has that place: the oldest take the places from 0 on, the newest those
/// below 1, so that a newest version that grows takes clients only from the one before it.
/// REQUIRES a weight above 0.
std::uint64_t version_at(const VersionWeights& weights, double place);

}  // namespace pannier::policies
