#include "proxy/config_dated.hpp"

#include <algorithm>

namespace pannier::proxy {
namespace {

using policies::DatedTtl;
using policies::quoted;

void read_when(const ConfigNode& node, DatedTtl& dated, Findings& findings) {
  if (!expect(ConfigNode::Kind::scalar, node, "when", findings)) return;
  const auto complaint = dated.read_condition(node.text);
  if (!complaint.empty()) findings.error(node.mark, "when: " + complaint);
}

constexpr Field<DatedTtl> dated_fields[] = {
    {"when", read_when},
    {"then", [](const ConfigNode& node, DatedTtl& dated,
                Findings& findings) { read_scalar(node, "then", dated.then, findings); }},
    {"else", [](const ConfigNode& node, DatedTtl& dated,
                Findings& findings) { read_scalar(node, "else", dated.otherwise, findings); }},
};

}  // namespace

void read_dated(const ConfigNode& node, policies::TierSettings& tier, Findings& findings) {
  auto& dated = tier.dated;
  read_map<DatedTtl>(node, "ttl", "in ttl", dated_fields, dated, findings);
  for (const auto& field : dated_fields) {
    if (node.find(field.name)) continue;
    findings.error(node.mark, "ttl: " + std::string(field.name) +
                                  " is missing; a ttl that depends on a day has when, then, else");
  }
  for (const std::string_view part : {"then", "else"}) {
    const auto ttl = part == "then" ? dated.then : dated.otherwise;
    if (ttl.count() == 0 && node.find(part)) {
      findings.error(mark_of(node, part), std::string(part) + ": 0 is no life");
    }
  }
  if (dated && !dated.only_grows()) {
    const bool before = dated.days == DatedTtl::Days::before;
    findings.error(mark_of(node, "then"),
                   "then: it must not be " + std::string(before ? "shorter" : "longer") +
                       " than else, because the life of a key may only grow as days pass");
  }
  tier.ttl = dated.longest();
}

void check_dated(const ConfigNode& node, const policies::TierSettings& tier,
                 const policies::RuleSettings& rule, Findings& findings) {
  if (!tier.dated) return;
  for (const auto& pattern : rule.match) {
    const std::vector<std::string_view> names(pattern.names().begin(), pattern.names().end());
    const auto& wanted = tier.dated.capture;
    if (std::find(names.begin(), names.end(), wanted) != names.end()) continue;
    findings.error(mark_of(node, "tier"), "the ttl of tier " + quoted(tier.name) + " needs {" +
                                              wanted + "}, which " + quoted(pattern.text()) +
                                              " does not capture" +
                                              policies::suggestion(wanted, names));
  }
}

}  // namespace pannier::proxy
