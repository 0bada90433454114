#pragma once

#include "policies/settings.hpp"
#include "proxy/config_reader.hpp"

namespace pannier::proxy {

/// Reads the list of a rule's tags.
void read_tags(const ConfigNode& node, std::vector<std::string>& tags, Findings& findings);

/// That the braces of a text match up and name what all patterns of the rule capture.
/// \param what the setting: in `as` the braces may be empty, for what was found.
void check_captures(Mark mark, std::string_view what, const std::string& text,
                    const policies::RuleSettings& rule, Findings& findings);

/// Reads where in its values a rule finds further tags.
void read_tags_from(const ConfigNode& node, std::vector<policies::TagSource>& sources,
                    Findings& findings);

/// Reads which of its values live less long.
void read_incomplete(const ConfigNode& node, policies::IncompleteSettings& incomplete,
                     Findings& findings);

/// Whether the tags of the rule that `node` wrote can be made from its keys, and have an effect.
void check_tags(const ConfigNode& node, const policies::TierSettings& tier,
                const policies::RuleSettings& rule, Findings& findings);

}  // namespace pannier::proxy
