#pragma once

#include "policies/settings.hpp"
#include "proxy/config_reader.hpp"

namespace pannier::proxy {

/// Reads `ttl: {when: "date({day}) is today", then: 5m, else: 30d}` of a tier.
void read_dated(const ConfigNode& node, policies::TierSettings& tier, Findings& findings);

/// Whether every pattern of the rule that `node` wrote captures the day its tier asks for.
void check_dated(const ConfigNode& node, const policies::TierSettings& tier,
                 const policies::RuleSettings& rule, Findings& findings);

}  // namespace pannier::proxy
