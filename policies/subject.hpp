#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policies/ban.hpp"
#include "policies/expiry.hpp"
#include "policies/rule_set.hpp"

namespace pannier::policies {

/// A rule kept alive for as long as a conversation needs it, whatever is reloaded meanwhile.
using RuleRef = std::shared_ptr<const Rule>;

/// One key under a rule, with what follows from both. Immutable and shared.
struct Subject {
  /// The same with the tags of its rule alone; null where it has no others.
  std::shared_ptr<const Subject> base;
  RuleRef rule;
  std::uint32_t db = 0;
  std::string client_key;  ///< As clients say it.
  std::string key;         ///< As upstream knows it; differs under a transparent version.
  std::string table_key;   ///< As the tables of leases, misses and flights know it.
  std::vector<std::string> tags;
  std::optional<DateRange> dates;  ///< That it is about, by its rule's captures.
  /// What began no later is invalid, whatever its tags say: it had others when those were taken.
  std::optional<ServerTime> floor;
  Life life{};
  std::uint64_t version = 0;     ///< Which one of its rule's it is; 0: it has none.
  std::uint32_t version_of = 0;  ///< With it: KeyVersions::Version::number.

  Bannable bannable() const { return {client_key, tags, rule->settings->name, dates}; }

  TierCounters& counters() const { return *rule->counters; }
  /// Reads that did not have to load the key, though it was missing or stale.
  void count_avoided(std::uint64_t reads) const {
    rule->counters->loads_avoided += reads;
    rule->loads->avoided += reads;
  }
};
using SubjectRef = std::shared_ptr<const Subject>;

}  // namespace pannier::policies
