// What an event or a schedule makes invalid.

#include "policies/date.hpp"
#include "policies/field_template.hpp"
#include "proxy/config_parts.hpp"

namespace pannier::proxy {
namespace {

using policies::quoted;
using policies::TargetSettings;

constexpr Field<TargetSettings::Range> range_fields[] = {
    {"rule", [](const ConfigNode& node, TargetSettings::Range& range,
                Findings& findings) { read_scalar(node, "rule", range.rule, findings); }},
    {"from", [](const ConfigNode& node, TargetSettings::Range& range,
                Findings& findings) { read_scalar(node, "from", range.from, findings); }},
    {"to", [](const ConfigNode& node, TargetSettings::Range& range,
              Findings& findings) { read_scalar(node, "to", range.to, findings); }},
};

void read_ranges(const ConfigNode& node, TargetSettings& targets, Findings& findings) {
  if (!expect(ConfigNode::Kind::list, node, "ranges", findings)) return;
  for (const ConfigNode& item : node.items) {
    read_map<TargetSettings::Range>(item, "a range", "in a range", range_fields,
                                    targets.ranges.emplace_back(), findings);
    for (const std::string_view name : {"rule", "from", "to"}) {
      if (item.kind != ConfigNode::Kind::map || item.find(name)) continue;
      findings.error(item.mark,
                     "a range has rule, from and to; " + std::string(name) + " is missing");
    }
  }
}

void read_all_of(const ConfigNode& node, TargetSettings& targets, Findings& findings) {
  if (!expect(ConfigNode::Kind::list, node, "all_of", findings)) return;
  for (const ConfigNode& item : node.items) {
    targets.all_of.push_back(read_texts(item, "all_of", findings));
    if (item.kind == ConfigNode::Kind::list && item.items.empty()) {
      findings.error(item.mark, "all_of: a list of no tags would be all keys");
    }
  }
}

#define PANNIER_TEXTS(name)                                                             \
  {                                                                                     \
#name, [](const ConfigNode& node, TargetSettings& targets,                          \
              Findings& findings) { targets.name = read_texts(node, #name, findings); } \
  }

constexpr Field<TargetSettings> target_fields[] = {
    PANNIER_TEXTS(keys),
    PANNIER_TEXTS(tags),
    {"all_of", read_all_of},
    PANNIER_TEXTS(patterns),
    {"ranges", read_ranges},
    PANNIER_TEXTS(rules),
    {"soft", [](const ConfigNode& node, TargetSettings& targets,
                Findings& findings) { read_scalar(node, "soft", targets.soft, findings); }},
};
#undef PANNIER_TEXTS

/// Checks every text of `node`, a list of texts or of lists of them.
void check_templates(const ConfigNode& node, std::string_view what, bool has_payload,
                     Findings& findings) {
  for (const ConfigNode& item : node.items) {
    if (item.kind != ConfigNode::Kind::scalar) {
      check_templates(item, what, has_payload, findings);
      continue;
    }
    const auto shown = std::string(what) + ": " + quoted(item.text);
    const auto made = policies::FieldTemplate::compile(item.text);
    if (!made) {
      findings.error(item.mark, shown + ": " + made.error());
    } else if (item.text.empty()) {
      findings.error(item.mark, std::string(what) + ": an empty text names nothing");
    } else if (made->has_fields() && !has_payload) {
      findings.error(item.mark, shown + ": there is no payload here whose fields could be named");
    }
  }
}

/// Null, and reported, if there is none.
const policies::RuleSettings* find_rule(std::string_view name, Mark mark,
                                        const policies::Settings& settings, Findings& findings) {
  std::vector<std::string_view> names;
  for (const auto& rule : settings.rules) {
    if (rule.name == name) return &rule;
    names.push_back(rule.name);
  }
  findings.error(mark, names.empty()
                           ? "rule " + quoted(name) + " is unknown; there are no rules"
                           : "unknown rule " + quoted(name) + policies::suggestion(name, names));
  return nullptr;
}

void check_range(const ConfigNode& node, const TargetSettings::Range& range, bool has_payload,
                 const policies::Settings& settings, Findings& findings) {
  const auto* rule = find_rule(range.rule, mark_of(node, "rule"), settings, findings);
  if (rule && rule->dates.empty()) {
    findings.error(mark_of(node, "rule"), "rule " + quoted(range.rule) +
                                              " has no dates, which say what its keys are about");
  }
  for (const auto& [name, text] : {std::pair("from", &range.from), std::pair("to", &range.to)}) {
    const auto made = policies::FieldTemplate::compile(*text);
    const auto shown = std::string(name) + ": " + quoted(*text);
    if (!made) {
      findings.error(mark_of(node, name), shown + ": " + made.error());
    } else if (made->has_fields() && !has_payload) {
      findings.error(mark_of(node, name),
                     shown + ": there is no payload here whose fields could be named");
    } else if (!made->has_fields() && !policies::parse_date(*text)) {
      findings.error(mark_of(node, name), shown + " is not a date such as 2026-11-21");
    }
  }
}

}  // namespace

void read_targets(const ConfigNode& node, bool has_payload, const policies::Settings& settings,
                  TargetSettings& targets, Findings& findings) {
  read_map<TargetSettings>(node, "invalidate", "in invalidate", target_fields, targets, findings);
  if (node.kind != ConfigNode::Kind::map) return;
  if (targets.empty() && !findings.failed()) {
    findings.error(node.mark,
                   "invalidate: nothing is named; give keys, tags, all_of, patterns, "
                   "ranges or rules");
  }
  for (const std::string_view name : {"keys", "tags", "all_of", "patterns"}) {
    if (const auto* list = node.find(name)) check_templates(*list, name, has_payload, findings);
  }
  for (std::size_t i = 0; !findings.failed() && i < targets.rules.size(); ++i) {
    find_rule(targets.rules[i], node.find("rules")->items[i].mark, settings, findings);
  }
  const auto* ranges = node.find("ranges");
  if (!ranges || findings.failed()) return;
  for (std::size_t i = 0; i < targets.ranges.size(); ++i) {
    check_range(ranges->items[i], targets.ranges[i], has_payload, settings, findings);
  }
}

}  // namespace pannier::proxy
