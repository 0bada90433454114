#pragma once

#include "policies/settings.hpp"
#include "proxy/config_reader.hpp"

namespace pannier::proxy {

/// Reads a rule's version: a number (transparent, beginning there), `transparent`, `explicit`, or
/// a map of all its settings.
void read_version(const ConfigNode& node, policies::VersionSettings& version, Findings& findings);

/// Whether the rule that `node` wrote can have its version.
void check_version(const ConfigNode& node, const policies::TierSettings& tier,
                   const policies::RuleSettings& rule, Findings& findings);

/// Rules that share a version must agree on it. `list` holds the rules' nodes.
void check_shared_versions(const ConfigNode& list, const std::vector<policies::RuleSettings>& rules,
                           Findings& findings);

}  // namespace pannier::proxy
