#include <unordered_map>

#include "proxy/config_dated.hpp"
#include "proxy/config_dates.hpp"
#include "proxy/config_parts.hpp"
#include "proxy/config_tags.hpp"
#include "proxy/config_version.hpp"

namespace pannier::proxy {
namespace {

using policies::quoted;
using policies::RuleSettings;
using policies::Settings;
using protocol::KeyPattern;

/// A rule as it is written: the texts that need other rules or tiers to be understood.
struct RuleDraft {
  RuleSettings rule;
  std::string tier, origin;
  std::vector<PlacedPattern> placed;  ///< Their patterns are set once the rule has its place.
};

void read_pattern(const ConfigNode& node, RuleDraft& draft, Findings& findings) {
  std::string text;
  read_scalar(node, "match", text, findings);
  if (node.kind != ConfigNode::Kind::scalar) return;
  auto pattern = KeyPattern::compile(node.text);
  if (!pattern) {
    return findings.error(node.mark, "match: " + quoted(node.text) + ": " + pattern.error());
  }
  if (pattern->prefix().starts_with("pn:")) {
    return findings.error(node.mark, "match: keys that begin with pn: are the sidecar's own");
  }
  draft.rule.match.push_back(*pattern);
  draft.placed.push_back({nullptr, node.mark});
}

void read_match(const ConfigNode& node, RuleDraft& draft, Findings& findings) {
  if (node.kind != ConfigNode::Kind::list) return read_pattern(node, draft, findings);
  if (node.items.empty()) findings.error(node.mark, "match: an empty list matches no key");
  for (const ConfigNode& item : node.items) read_pattern(item, draft, findings);
}

void read_name(const ConfigNode& node, RuleDraft& draft, Findings& findings) {
  read_scalar(node, "name", draft.rule.name, findings);
  if (node.kind == ConfigNode::Kind::scalar && node.text.empty()) {
    findings.error(node.mark, "name: it is empty; leave it out, or write one");
  }
}

constexpr Field<RuleDraft> rule_fields[] = {
    {"match", read_match},
    {"tier", [](const ConfigNode& node, RuleDraft& draft,
                Findings& findings) { read_scalar(node, "tier", draft.tier, findings); }},
    {"origin", [](const ConfigNode& node, RuleDraft& draft,
                  Findings& findings) { read_scalar(node, "origin", draft.origin, findings); }},
    {"prefetch",
     [](const ConfigNode& node, RuleDraft& draft, Findings& findings) {
       draft.rule.prefetch = read_texts(node, "prefetch", findings);
     }},
    {"name", read_name},
    {"tags", [](const ConfigNode& node, RuleDraft& draft,
                Findings& findings) { read_tags(node, draft.rule.tags, findings); }},
    {"dates", [](const ConfigNode& node, RuleDraft& draft,
                 Findings& findings) { read_dates(node, draft.rule.dates, findings); }},
    {"tags_from", [](const ConfigNode& node, RuleDraft& draft,
                     Findings& findings) { read_tags_from(node, draft.rule.tags_from, findings); }},
    {"incomplete",
     [](const ConfigNode& node, RuleDraft& draft, Findings& findings) {
       read_incomplete(node, draft.rule.incomplete, findings);
     }},
    {"runtime_tags",
     [](const ConfigNode& node, RuleDraft& draft, Findings& findings) {
       read_scalar(node, "runtime_tags", draft.rule.runtime_tags, findings);
     }},
    {"index", [](const ConfigNode& node, RuleDraft& draft,
                 Findings& findings) { read_scalar(node, "index", draft.rule.index, findings); }},
    {"version", [](const ConfigNode& node, RuleDraft& draft,
                   Findings& findings) { read_version(node, draft.rule.version, findings); }},
};

/// What a rule is called before it is known to be right: its name, its pattern, or its place.
std::string rule_title(const ConfigNode& node) {
  for (const std::string_view key : {"name", "match"}) {
    const ConfigNode* value = node.find(key);
    if (value && value->kind == ConfigNode::Kind::scalar) return "rule " + quoted(value->text);
  }
  return "this rule";
}

void find_tier(const ConfigNode& node, const Settings& settings, RuleDraft& draft,
               Findings& findings) {
  std::vector<std::string_view> names;
  for (const auto& tier : settings.tiers) {
    if (tier.name == draft.tier) draft.rule.tier = names.size();
    names.push_back(tier.name);
  }
  if (!node.find("tier")) return findings.error(node.mark, rule_title(node) + " names no tier");
  if (!names.empty() && names[draft.rule.tier] == draft.tier) return;
  findings.error(mark_of(node, "tier"),
                 names.empty() ? "tier: " + quoted(draft.tier) + " is unknown; there are no tiers"
                               : "unknown tier " + quoted(draft.tier) +
                                     policies::suggestion(draft.tier, names));
}

RuleDraft read_rule(const ConfigNode& node, const Settings& settings, Findings& findings) {
  RuleDraft draft;
  const std::string title = rule_title(node);
  read_map<RuleDraft>(node, "a rule", "in " + title, rule_fields, draft, findings);
  if (findings.failed()) return draft;
  if (!node.find("match")) findings.error(node.mark, title + " has no match");
  find_tier(node, settings, draft, findings);
  if (findings.failed()) return draft;
  if (draft.rule.name.empty()) {
    const KeyPattern& pattern = draft.rule.match.front();
    draft.rule.name = pattern.prefix();
    while (draft.rule.name.ends_with(':')) draft.rule.name.pop_back();
    if (draft.rule.name.empty()) draft.rule.name = pattern.text();
  }
  check_dated(node, settings.tiers[draft.rule.tier], draft.rule, findings);
  check_tags(node, settings.tiers[draft.rule.tier], draft.rule, findings);
  check_dates(node, draft.rule, findings);
  find_origin(node, draft.origin, settings, draft.rule, findings);
  check_second_tier(node, settings.tiers[draft.rule.tier], draft.rule, findings);
  for (const auto& key : draft.rule.prefetch) {
    check_captures(mark_of(node, "prefetch"), "prefetch", key, draft.rule, findings);
  }
  check_version(node, settings.tiers[draft.rule.tier], draft.rule, findings);
  return draft;
}

void check_names(const ConfigNode& list, const Settings& settings, Findings& findings) {
  std::unordered_map<std::string_view, int> lines;
  for (std::size_t i = 0; i < settings.rules.size(); ++i) {
    const ConfigNode& node = list.items[i];
    const std::string& name = settings.rules[i].name;
    const auto [first, is_new] = lines.try_emplace(name, node.mark.line);
    if (is_new) continue;
    const std::string other = "the rule in line " + std::to_string(first->second) + " has it, too";
    findings.error(mark_of(node, "name"), node.find("name")
                                              ? "name: " + quoted(name) + " is taken; " + other
                                              : "this rule would be called " + quoted(name) +
                                                    ", but " + other + "; give one of them a name");
  }
}

}  // namespace

void read_rules(const ConfigNode& node, Settings& settings, Findings& findings) {
  if (!expect(ConfigNode::Kind::list, node, "rules", findings)) return;
  std::vector<RuleDraft> drafts;
  for (const ConfigNode& item : node.items) drafts.push_back(read_rule(item, settings, findings));
  if (findings.failed()) return;
  for (RuleDraft& draft : drafts) settings.rules.push_back(std::move(draft.rule));
  std::vector<PlacedPattern> placed;
  for (std::size_t i = 0; i < drafts.size(); ++i) {
    for (std::size_t p = 0; p < drafts[i].placed.size(); ++p) {
      placed.push_back({&settings.rules[i].match[p], drafts[i].placed[p].mark});
    }
  }
  check_reachable(placed, findings);
  if (findings.failed()) return;
  check_names(node, settings, findings);
  check_shared_versions(node, settings.rules, findings);
}

}  // namespace pannier::proxy
