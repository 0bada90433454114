// What an invalidation does to the rows of second tiers.

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "policies/core.hpp"
#include "policies/invalidation_run.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

void InvalidationRun::send_keys(Core& core) {
  for (const auto& key : record_.what.keys) {
    Match match;
    core.rules->find(key, match);
    if (!match || !core.has_table(*match.rule, db_)) {
      send_key(key, match, core);
      continue;
    }
    const auto& tier = *match.rule->tier;
    send_statement(
        tier, tier.second_tier->sql_delete, key,
        [this, key](Core& later) {
          Match now;
          later.rules->find(key, now);
          send_key(key, now, later);
          send_bans({}, later);
        },
        core);
  }
}

void InvalidationRun::send_rows(Core& core) {
  if (!core.rules->has_second_tiers()) return;
  std::set<const TierSettings*> tiers;
  for (const auto& rule : core.rules->rules()) {
    if (!core.has_table(rule, db_)) continue;
    const auto& table = *rule.tier->second_tier;
    const bool is_named =
        std::ranges::find(record_.what.rules, rule.settings->name) != record_.what.rules.end();
    if (is_named && !table.sql_delete_like.empty()) {
      for (const auto& pattern : rule.settings->match) {
        send_statement(*rule.tier, table.sql_delete_like, like_of_glob(pattern.as_glob()), {},
                       core);
      }
    }
    if (!tiers.insert(rule.tier).second) continue;
    for (const auto& pattern : record_.what.patterns) {
      if (table.sql_delete_like.empty()) break;
      send_statement(*rule.tier, table.sql_delete_like, like_of_glob(pattern), {}, core);
    }
    for (const auto& tag : record_.what.tags) {
      if (table.sql_delete_tag.empty()) break;
      send_statement(*rule.tier, table.sql_delete_tag, tag, {}, core);
    }
  }
}

void InvalidationRun::send_statement(const TierSettings& tier, const std::string& sql,
                                     std::string parameter, std::function<void(Core&)> then,
                                     Core& core) {
  ++pending_;
  core.tables.begin(
      core, tier, sql, {std::move(parameter)},
      [run = shared_from_this(), then = std::move(then)](const TableOutcome& outcome, Core& later) {
        if (!outcome.error.empty()) {
          // Without `then` it is in effect: such rows began too early.
          const auto what =
              then ? "; that key stays as it is, others do not" : "; in effect all the same";
          return run->part_failed(protocol::error_reply("ERR pannier: " + outcome.error + what),
                                  later);
        }
        if (then) then(later);
        run->end_part(later);
      });
}

}  // namespace pannier::policies
