#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "policies/histogram.hpp"

namespace pannier::policies {

/// Counts of one tier; every number only grows.
struct TierCounters {
#define PANNIER_TIER_COUNTER(name, text) std::uint64_t name = 0;
#include "policies/counters.def"
  Histogram hit_seconds, miss_seconds;  ///< From a read's arrival to its reply.
  Histogram load_seconds;               ///< From the nil of a miss to the SET that fills it.
};

/// Loads of the keys of one rule, by clients or by its origin.
struct RuleLoads {
  std::uint64_t loads = 0;    ///< Reads that found nothing, or were elected to replace a value.
  std::uint64_t avoided = 0;  ///< Reads that waited for one, or got a stale value meanwhile.
  std::uint64_t failed = 0;   ///< Whose lease ended without a value.
  Histogram seconds;          ///< From the nil of a miss to the SET that fills it.
};

/// All counts since start. Tiers keep theirs across reloads, found by name.
struct CounterBook {
#define PANNIER_COUNTER(name, text) std::uint64_t name = 0;
#include "policies/counters.def"

  std::uint64_t inconsistent[3] = {};  ///< Copies that were wrong, by stage of the self-check.

  /// The counters of that tier; created at zero. The reference stays valid.
  TierCounters& tier(std::string_view name) {
    const auto at = tiers.find(name);
    return at != tiers.end() ? at->second : tiers[std::string(name)];
  }
  std::map<std::string, TierCounters, std::less<>> tiers;

  /// Those of the rule, as above.
  RuleLoads& rule(std::string_view name) {
    const auto at = rules.find(name);
    return at != rules.end() ? at->second : rules[std::string(name)];
  }
  std::map<std::string, RuleLoads, std::less<>> rules;
};

}  // namespace pannier::policies
