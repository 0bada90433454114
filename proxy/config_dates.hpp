#pragma once

#include "proxy/config_parts.hpp"

namespace pannier::proxy {

/// `dates: day` or `dates: [start, end]`: which captures of a rule's patterns say its days.
void read_dates(const ConfigNode& node, std::vector<std::string>& dates, Findings& findings);

/// They must be captures of every pattern.
void check_dates(const ConfigNode& node, const policies::RuleSettings& rule, Findings& findings);

}  // namespace pannier::proxy
