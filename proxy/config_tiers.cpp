#include "proxy/config_dated.hpp"
#include "proxy/config_parts.hpp"

namespace pannier::proxy {
namespace {

using policies::quoted;
using policies::TierSettings;

constexpr policies::milliseconds usual_stale_if_error = std::chrono::minutes(1);
constexpr double most_jitter = 0.9;  // With 100% keys would live no time at all.

constexpr Field<policies::CoalesceSettings> coalesce_fields[] = {
#define PANNIER_COALESCE PANNIER_FIELD
#include "policies/settings.def"
};

constexpr Field<policies::TierLocalSettings> tier_local_fields[] = {
#define PANNIER_TIER_LOCAL PANNIER_FIELD
#include "policies/settings.def"
};

/// `local: 1m` or `local: {ttl: 1m}`.
void read_tier_local(const ConfigNode& node, TierSettings& tier, Findings& findings) {
  if (node.kind == ConfigNode::Kind::scalar) {
    return read_scalar(node, "local", tier.local.ttl, findings);
  }
  read_map<policies::TierLocalSettings>(node, "local", "in local", tier_local_fields, tier.local,
                                        findings);
}

void read_coalesce(const ConfigNode& node, TierSettings& tier, Findings& findings) {
  auto& coalesce = tier.coalesce;
  if (node.kind == ConfigNode::Kind::scalar) {
    return read_scalar(node, "coalesce", coalesce.scope, findings);
  }
  read_map<policies::CoalesceSettings>(node, "coalesce", "in coalesce", coalesce_fields, coalesce,
                                       findings);
  if (coalesce.wait.count() == 0 && coalesce.scope != policies::CoalesceScope::off) {
    findings.error(mark_of(node, "wait"), "wait: 0 is no wait; write coalesce: off");
  }
}

/// A TTL is one of the settings that are more than a scalar: it may depend on a day.
template <class T>
void read_tier_setting(const ConfigNode& node, std::string_view name, T& out, TierSettings& tier,
                       Findings& findings) {
  const bool is_dated = name == "ttl" && node.kind == ConfigNode::Kind::map;
  is_dated ? read_dated(node, tier, findings) : read_scalar(node, name, out, findings);
}

constexpr Field<TierSettings> tier_fields[] = {
#define PANNIER_TIER(type, name, value, text)                             \
  {#name, [](const ConfigNode& node, auto& section, Findings& findings) { \
     read_tier_setting(node, #name, section.name, section, findings);     \
   }},
#include "policies/settings.def"
    {"local", read_tier_local},
    {"coalesce", read_coalesce},
    {"second_tier", read_second_tier},
};

/// Keys of such a tier are passed through; a setting that then does nothing was a mistake.
void check_never(const ConfigNode& node, Findings& findings) {
  for (const auto& entry : node.entries) {
    if (entry.key == "cache") continue;
    findings.error(entry.mark,
                   entry.key + " has no effect in a tier with cache: never; leave it out");
  }
}

/// `on_down: stale` and stale_if_error: each needs the copies, and the one the other.
void check_stale_if_error(const ConfigNode& node, const TierSettings& tier, Findings& findings) {
  const bool has_copies = tier.local.ttl.count() > 0;
  const bool serves = tier.stale_if_error.count() > 0;
  if (tier.on_down == policies::OnDown::stale && !has_copies) {
    findings.error(mark_of(node, "on_down"), "on_down: stale serves local copies; set local");
  } else if (tier.on_down == policies::OnDown::stale && !serves) {
    findings.error(mark_of(node, "stale_if_error"),
                   "stale_if_error: 0 leaves on_down: stale nothing to serve");
  } else if (serves && !has_copies) {
    findings.error(mark_of(node, "stale_if_error"),
                   "stale_if_error has no effect without local; set local");
  } else if (serves && tier.on_down == policies::OnDown::memory) {
    findings.error(mark_of(node, "stale_if_error"),
                   "stale_if_error: with on_down: memory values come from there; leave it out");
  }
  if (tier.stale_if_error > longest_life) {
    findings.error(mark_of(node, "stale_if_error"), "stale_if_error is more than 3650d");
  }
}

void check_life(const ConfigNode& node, const TierSettings& tier, Findings& findings) {
  if (tier.ttl.count() == 0) {
    findings.error(mark_of(node, "ttl"),
                   "ttl: 0 is no life; for keys not to be cached write cache: never");
  }
  if (tier.jitter.value > most_jitter) {
    findings.error(mark_of(node, "jitter"),
                   "jitter: " + setting_text(tier.jitter) + " is more than 90%");
  }
  if (tier.negative.count() > 0 && tier.local.ttl.count() == 0) {
    findings.error(mark_of(node, "negative"), "negative has no effect without local; set local");
  }
  check_stale_if_error(node, tier, findings);
  if (tier.ttl + tier.stale > longest_life) {
    const std::string_view longer = tier.ttl > tier.stale ? "ttl" : "stale";
    findings.error(mark_of(node, longer), "ttl and stale together are more than 3650d");
  }
}

}  // namespace

void read_tiers(const ConfigNode& node, std::vector<TierSettings>& tiers, Findings& findings) {
  if (!expect(ConfigNode::Kind::map, node, "tiers", findings)) return;
  for (const auto& [name, mark, value] : node.entries) {
    TierSettings& tier = tiers.emplace_back();
    if (const auto complaint = policies::parse_setting(name, tier.name); !complaint.empty()) {
      findings.error(mark, "the name of a tier: " + complaint);
    } else if (name.empty()) {
      findings.error(mark, "a tier needs a name");
    }
    read_map<TierSettings>(value, "tier " + quoted(name), "in tier " + quoted(name), tier_fields,
                           tier, findings);
    const bool says_how_long = value.find("stale_if_error") != nullptr;
    if (tier.on_down == policies::OnDown::stale && !says_how_long) {
      tier.stale_if_error = usual_stale_if_error;
    }
    if (tier.second_tier) {
      // It goes on serving without upstream, and what comes too late must not become a row.
      if (!value.find("on_down")) tier.on_down = policies::OnDown::memory;
      if (!value.find("guard")) tier.guard = policies::Guard::fleet;
    }
    if (tier.cache == policies::CacheMode::never) {
      check_never(value, findings);
    } else {
      check_life(value, tier, findings);
    }
  }
}

}  // namespace pannier::proxy
