#include "tests/support/simulation.hpp"

// The configuration that simulations run under.

namespace pannier::tests {

using policies::milliseconds;

namespace {

policies::TierSettings& tier(policies::Settings& settings, std::string name, milliseconds ttl,
                             bool coalesces) {
  auto& tier = settings.tiers.emplace_back();
  tier.name = std::move(name);
  tier.ttl = ttl;
  tier.coalesce.wait = milliseconds(700);
  if (coalesces) tier.coalesce.scope = policies::CoalesceScope::sidecar;
  return tier;
}

policies::RuleSettings& rule(policies::Settings& settings, std::string_view pattern,
                             std::vector<std::string> tags = {}) {
  auto& rule = settings.rules.emplace_back();
  rule.name = std::string(pattern.substr(0, pattern.find(':')));
  rule.match.push_back(*protocol::KeyPattern::compile(pattern));
  rule.tags = std::move(tags);
  rule.tier = settings.tiers.size() - 1;
  return rule;
}

}  // namespace

policies::Settings simulated_settings(std::uint64_t variant) {
  policies::Settings settings;
  const bool coalesces = variant % 2 == 0;
  tier(settings, "never", milliseconds(0), false).cache = policies::CacheMode::never;
  rule(settings, "never:*");
  tier(settings, "read", milliseconds((variant & 16) != 0 ? 2'000 : 60'000), false);
  rule(settings, "read:*");
  tier(settings, "lease", milliseconds(60'000), coalesces);
  rule(settings, "lease:*");
  tier(settings, "old", milliseconds(1'000), true).stale = milliseconds(3'000);
  rule(settings, "old:*");
  tier(settings, "tag", milliseconds(20'000), coalesces);
  rule(settings, "tag:{id}", {"t", "k:{id}"}).index = variant % 4 < 2;
  tier(settings, "free", milliseconds(20'000), false).jitter.value = 0.2;
  rule(settings, "free:*", {"t"});
  tier(settings, "soft", milliseconds(20'000), coalesces).on_down = policies::OnDown::miss;
  rule(settings, "soft:*", {"s"});
  tier(settings, "ver", milliseconds(60'000), coalesces);
  rule(settings, "ver:*").version.mode = policies::VersionMode::transparent;
  tier(settings, "kept", milliseconds(60'000), coalesces).on_down = policies::OnDown::memory;
  rule(settings, "kept:*");
  tier(settings, "guard", milliseconds(20'000), coalesces).guard = policies::Guard::fleet;
  rule(settings, "guard:*");
  tier(settings, "json", milliseconds(20'000), coalesces);
  rule(settings, "json:*").tags_from.push_back({*policies::JsonPath::compile("$.tags[*]"), "{}"});
  tier(settings, "count", milliseconds(3'600'000), false);
  rule(settings, "count:*");
  for (auto& tier : settings.tiers) {
    if ((variant & with_copies) == 0) break;
    tier.local.ttl = milliseconds(5'000);
    tier.negative = milliseconds(300);
  }
  if ((variant & 8) == 0) return settings;
  for (auto& tier : settings.tiers) {
    if (tier.coalesce.scope == policies::CoalesceScope::off) continue;
    tier.coalesce.scope = policies::CoalesceScope::fleet;
    tier.throttle = milliseconds(500);
    if (variant % 4 < 2) policies::parse_setting("40%", tier.refresh);
    if (variant % 4 == 2) policies::parse_setting("xfetch", tier.refresh);
  }
  return settings;
}

}  // namespace pannier::tests
