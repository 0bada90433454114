// Tables behind the values of a tier.

#include <algorithm>

#include "policies/second_tier.hpp"
#include "proxy/config_parts.hpp"
#include "proxy/sql_parameters.hpp"

namespace pannier::proxy {
namespace {

using policies::quoted;
using policies::SecondTierSettings;
using policies::TierSettings;

constexpr Field<SecondTierSettings> second_tier_fields[] = {
#define PANNIER_SECOND_TIER PANNIER_FIELD
#include "policies/settings.def"
};

/// What a statement must and may use.
struct Statement {
  std::string_view name;
  std::string SecondTierSettings::*sql;
  std::size_t least, most;
  std::string_view why;
  bool is_needed;
};

constexpr Statement statements[] = {
    {"sql_get", &SecondTierSettings::sql_get, 2, 2,
     "$1, the key, and $2, a timestamptz: WHERE key = $1 AND began > $2. Rows of before an "
     "invalidation are told apart by that",
     true},
    {"sql_put", &SecondTierSettings::sql_put, 3, 4,
     "$1, the key, $2, the value, and $3, when it began (a timestamptz, for sql_get to compare); "
     "$4, its tags (text[]), if it likes",
     true},
    {"sql_delete", &SecondTierSettings::sql_delete, 1, 1, "$1, the key", true},
    {"sql_delete_like", &SecondTierSettings::sql_delete_like, 1, 1, "$1, a pattern of LIKE", false},
    {"sql_delete_tag", &SecondTierSettings::sql_delete_tag, 1, 1, "$1, the tag", false},
};

void check_table(const ConfigNode& node, const TierSettings& tier, Findings& findings) {
  const auto& table = *tier.second_tier;
  const auto title = "second_tier of " + quoted(tier.name);
  for (const auto& one : statements) {
    const auto& sql = table.*one.sql;
    const auto used = parameters_in(sql);
    if (sql.empty()) {
      if (one.is_needed) findings.error(node.mark, title + " has no " + std::string(one.name));
    } else if (used < one.least || used > one.most) {
      findings.error(mark_of(node, one.name), std::string(one.name) + ": it is to use " +
                                                  std::string(one.why) + "; the highest here is $" +
                                                  std::to_string(used));
    }
  }
  if (table.concurrency.value == 0) {
    findings.error(mark_of(node, "concurrency"), "concurrency: with 0 nothing is ever read");
  }
  if (table.ttl > longest_life) findings.error(mark_of(node, "ttl"), "ttl: at most 3650d");
  if (table.ttl.count() > 0 && tier.dated) {
    findings.error(mark_of(node, "ttl"),
                   "ttl: that of the tier depends on a day, and its rows count as long; leave it "
                   "out");
  }
  if (table.timeout > longest_load || table.timeout.count() == 0) {
    findings.error(mark_of(node, "timeout"), "timeout: from 1ms to 9s");
  }
  if (table.sql_delete_like.empty()) {
    findings.warning(node.mark,
                     title +
                         " has no sql_delete_like: what PANNIER INVALIDATE PATTERN or RULE covers "
                         "is kept from being served by Redis alone, until that loses its memory");
  }
}

}  // namespace

void read_second_tier(const ConfigNode& node, TierSettings& tier, Findings& findings) {
  read_map<SecondTierSettings>(node, "second_tier", "in second_tier", second_tier_fields,
                               tier.second_tier.emplace(), findings);
}

void check_second_tiers(const ConfigNode& tiers, policies::Settings& settings,
                        policies::Origins& origins, Findings& findings) {
  for (std::size_t i = 0; i < settings.tiers.size(); ++i) {
    auto& tier = settings.tiers[i];
    if (!tier.second_tier) continue;
    const auto& whole = tiers.entries[i].value;
    const auto& node = *whole.find("second_tier");
    check_table(node, tier, findings);
    auto& table = *tier.second_tier;
    const auto* database = find_database(origins, table.database);
    if (database == nullptr) {
      report_database(node, origins, table.database, findings);
      continue;
    }
    if (tier.on_down != policies::OnDown::memory) {
      findings.error(mark_of(whole, "on_down"),
                     "on_down: a tier with a second_tier serves from it, as memory does; leave "
                     "it out");
    }
    if (tier.ttl_mode != policies::TtlMode::tier) {
      findings.error(mark_of(whole, "ttl_mode"),
                     "ttl_mode: rows of a second_tier live as the tier says; leave it out");
    }
    if (tier.guard != policies::Guard::fleet) {
      findings.error(mark_of(whole, "guard"),
                     "guard: rows are put back into Redis, and only guard: fleet keeps old ones "
                     "from that; leave it out");
    }
    policies::OriginSettings read;
    read.name = policies::second_tier_name(tier.name);
    read.database = static_cast<std::size_t>(database - origins.databases.data());
    read.sql = table.sql_get;
    read.result = policies::OriginResult::raw;
    read.timeout = table.timeout;
    read.concurrency = table.concurrency;
    read.max_bytes = table.max_bytes;
    read.is_second_tier = true;
    table.read = origins.all.size();
    origins.all.push_back(std::move(read));
  }
}

void check_second_tier(const ConfigNode& rule_node, const TierSettings& tier,
                       const policies::RuleSettings& rule, Findings& findings) {
  if (!tier.second_tier) return;
  const auto refuse = [&](std::string_view setting) {
    findings.error(mark_of(rule_node, setting),
                   std::string(setting) + " does not go with a second_tier, which tier " +
                       quoted(tier.name) + " has; leave one of them out");
  };
  if (rule.origin) refuse("origin");
  if (rule.version.mode != policies::VersionMode::none) refuse("version");
  if (!rule.tags_from.empty()) refuse("tags");
  if (rule.incomplete.ttl.count() > 0) refuse("incomplete");
  if (rule.runtime_tags) refuse("runtime_tags");
}

}  // namespace pannier::proxy
