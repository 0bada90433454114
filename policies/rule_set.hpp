#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "policies/ban.hpp"
#include "policies/counters.hpp"
#include "policies/settings.hpp"

namespace pannier::policies {

struct OriginSettings;

/// How long a value of the tier, or its row in the second tier, may live.
milliseconds longest_life_of(const TierSettings& tier);

/// A rule with everything it refers to, ready to be applied.
struct Rule {
  const RuleSettings* settings = nullptr;
  const TierSettings* tier = nullptr;
  TierCounters* counters = nullptr;
  RuleLoads* loads = nullptr;
  const OriginSettings* origin = nullptr;  ///< Who loads what is missing; null: clients do.
  const OriginSettings* table = nullptr;   ///< How the tier's second tier is read, if it has one.
  std::size_t number = 0;                  ///< Its place in the configuration.

  /// What the sidecar asks for a missing key; null: nothing.
  const OriginSettings* asks() const { return origin != nullptr ? origin : table; }
  /// Whether somebody wants to know which of its keys are read.
  bool notes_reads() const { return origin != nullptr || !settings->prefetch.empty(); }
  bool never() const { return tier->cache == CacheMode::never; }
  bool tagged() const { return !settings->tags.empty() || finds_tags(); }
  /// Whether what stands in its values says anything of their tags or lives.
  bool looks_into_values() const {
    return !settings->tags_from.empty() || settings->incomplete.ttl.count() > 0;
  }
  /// Whether its keys may have tags or lives that only a look upstream tells.
  bool finds_tags() const { return looks_into_values() || settings->runtime_tags; }
  bool copies() const { return tier->local.ttl.count() > 0; }
  /// Whether copies may be served past their end while upstream is away.
  bool serves_outdated() const { return copies() && tier->stale_if_error.count() > 0; }
  milliseconds kept_past_end() const { return copies() ? tier->stale_if_error : milliseconds(0); }
  bool leases() const { return tier->coalesce.scope != CoalesceScope::off || origin != nullptr; }
  bool guards() const { return tier->guard != Guard::off; }
  bool fleet() const { return tier->coalesce.scope == CoalesceScope::fleet || origin != nullptr; }
};

struct Match;
/// `tenant:{id}` with the captures put in, and `value` in the place of `{}`.
std::string filled_tag(std::string_view text, const Match& match, std::string_view value = {});

/// What the captures of a match are called and hold; views into the key.
struct Match {
  const Rule* rule = nullptr;
  const protocol::KeyPattern* pattern = nullptr;
  std::vector<std::string_view> captures;

  explicit operator bool() const { return rule != nullptr; }
  /// The capture of that name; empty when the pattern has none.
  std::string_view capture(std::string_view name) const;
  /// The number at the end of a key that carries its version, from the pattern's last capture.
  std::optional<std::uint64_t> version() const;
};

/// The rules of one configuration: which one a key falls under. Immutable.
///
/// Patterns are sorted into a trie by the bytes and whole segments they begin with, so that a
/// look-up walks the key and tries only patterns whose beginning it has seen; of those that match,
/// the first of the configuration wins. Behind a `*`, `?`, class or part of a segment nothing is
/// sorted: patterns that differ only there are tried one by one.
class RuleSet {
 public:
  RuleSet(const Settings& settings, CounterBook& book);
  RuleSet(const RuleSet&) = delete;
  RuleSet& operator=(const RuleSet&) = delete;

  bool empty() const { return rules_.empty(); }
  /// Whether upstream calls the keys of any rule otherwise than clients do.
  bool renames() const { return renames_; }
  bool has_second_tiers() const { return has_second_tiers_; }
  /// Whether any rule's keys may have tags that only a look upstream tells.
  bool finds_tags() const { return finds_tags_; }
  /// Whether any rule keeps stale values from being stored.
  bool guards() const { return guards_; }

  /// The first rule that matches `key`; `match.rule` is null when there is none.
  void find(std::string_view key, Match& match) const;
  /// The same for a key as upstream calls it. \returns what clients call it, which under a rule
  /// with transparent versions is the name without its end that tells the version; a view of
  /// `upstream`.
  std::string_view find_upstream(std::string_view upstream, Match& match) const;

  /// The days a key that matched is about, if its rule says which captures they are and they hold
  /// some; of two in the wrong order the first counts as both.
  static std::optional<DateRange> dates(const Match& match);

  /// The tags of a key that matched, from the rule's templates; sorted, none twice. A rule whose
  /// keys may have others has at least one, `rule:<name>`: while its generation is there, nobody
  /// has emptied the database and with it those of the others.
  std::vector<std::string> tags(const Match& match) const;

  const std::vector<Rule>& rules() const { return rules_; }
  const Settings& settings() const { return settings_; }
  /// The longest life of any entry under a rule with tags: bounds how long a generation matters.
  milliseconds longest_life() const { return longest_life_; }
  /// Whether any rule serves copies past their end while upstream is away.
  bool serve_outdated() const { return serve_outdated_; }
  /// How long copies of which keys are kept past their end. Where that differs between two
  /// configurations, the ends of copies made under one mean nothing under the other.
  std::string kept_past_end() const;

 private:
  struct Candidate {
    std::uint32_t order;  ///< Of the pattern in the configuration.
    const Rule* rule;
    const protocol::KeyPattern* pattern;
  };
  static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();
  struct Node {
    std::uint32_t begin = 0, end = 0;         ///< Its children in edges_, sorted by byte.
    std::uint32_t first = 0, candidates = 0;  ///< Where its candidates are, and how many.
    std::uint32_t segment = none;             ///< Its child behind a whole segment.
  };
  struct Edge {
    char byte;
    std::uint32_t node;
  };
  struct Sown;  ///< The trie while it grows.
  std::uint32_t settle(const Sown& sown);
  std::uint32_t child(const Node& node, char byte) const;
  /// Goes on at the node `at` with the key's byte `i`; `best` is the order of what has matched.
  void walk(std::string_view key, std::size_t i, std::uint32_t at, std::uint32_t& best,
            Match& match) const;

  Settings settings_;
  std::vector<Rule> rules_;
  std::vector<Node> nodes_;
  std::vector<Edge> edges_;
  std::vector<Candidate> candidates_;  ///< Of each node in the order of the configuration.
  bool guards_ = false, renames_ = false, finds_tags_ = false;
  bool has_second_tiers_ = false;
  milliseconds longest_life_{0};
  bool serve_outdated_ = false;
  mutable std::vector<std::string_view> scratch_;
};

}  // namespace pannier::policies
