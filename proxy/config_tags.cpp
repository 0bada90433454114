#include "proxy/config_tags.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace pannier::proxy {
namespace {

using policies::quoted;
using policies::RuleSettings;

/// Checks one `{name}` of a tag against every pattern of the rule.
void check_capture(Mark mark, std::string_view what, const std::string& tag, std::string_view name,
                   const RuleSettings& rule, Findings& findings) {
  for (const auto& pattern : rule.match) {
    const std::vector<std::string_view> names(pattern.names().begin(), pattern.names().end());
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    const std::string sentence = std::string(what) + ": " + quoted(tag) + " needs {" +
                                 std::string(name) + "}, which " + quoted(pattern.text()) +
                                 " does not capture";
    findings.error(mark, sentence + policies::suggestion(name, names));
  }
}

template <class T>
void read_path(const ConfigNode& node, T& source, Findings& findings) {
  std::string text;
  read_scalar(node, "json", text, findings);
  if (node.kind != ConfigNode::Kind::scalar) return;
  auto path = policies::JsonPath::compile(text);
  if (!path) return findings.error(node.mark, "json: " + quoted(text) + ": " + path.error());
  source.json = std::move(*path);
}

constexpr Field<policies::TagSource> source_fields[] = {
    {"json", read_path<policies::TagSource>},
    {"as", [](const ConfigNode& node, policies::TagSource& source,
              Findings& findings) { read_scalar(node, "as", source.as, findings); }},
};

constexpr Field<policies::IncompleteSettings> incomplete_fields[] = {
    {"json", read_path<policies::IncompleteSettings>},
    {"is", [](const ConfigNode& node, policies::IncompleteSettings& incomplete,
              Findings& findings) { read_scalar(node, "is", incomplete.is, findings); }},
    {"ttl", [](const ConfigNode& node, policies::IncompleteSettings& incomplete,
               Findings& findings) { read_scalar(node, "ttl", incomplete.ttl, findings); }},
};

void check_sources(const ConfigNode& node, const RuleSettings& rule, Findings& findings) {
  for (std::size_t i = 0; i < rule.tags_from.size(); ++i) {
    const ConfigNode& item = node.items[i];
    const auto& as = rule.tags_from[i].as;
    check_captures(mark_of(item, "as"), "as", as, rule, findings);
    if (as.find("{}") == as.npos) {
      findings.error(mark_of(item, "as"),
                     "as: " + quoted(as) + " has no {} for what is found, as in product:{}");
    }
  }
}

}  // namespace

void check_captures(Mark mark, std::string_view what, const std::string& tag,
                    const RuleSettings& rule, Findings& findings) {
  std::string_view rest = tag;
  for (auto at = rest.find_first_of("{}"); at != rest.npos; at = rest.find_first_of("{}")) {
    const auto next = rest.find_first_of("{}", at + 1);
    if (rest[at] == '}' || next == rest.npos || rest[next] == '{') {
      return findings.error(
          mark, std::string(what) + ": the braces of " + quoted(tag) + " do not match up");
    }
    const auto name = rest.substr(at + 1, next - at - 1);
    if (!name.empty() || what != "as") check_capture(mark, what, tag, name, rule, findings);
    rest.remove_prefix(next + 1);
  }
}

void read_incomplete(const ConfigNode& node, policies::IncompleteSettings& incomplete,
                     Findings& findings) {
  read_map<policies::IncompleteSettings>(node, "incomplete", "in incomplete", incomplete_fields,
                                         incomplete, findings);
  if (!findings.failed() && (!node.find("json") || incomplete.ttl.count() == 0)) {
    findings.error(node.mark,
                   "incomplete: json and ttl are needed; write {json: \"$.isComplete\", ttl: 5m}");
  }
}

void read_tags_from(const ConfigNode& node, std::vector<policies::TagSource>& sources,
                    Findings& findings) {
  if (!expect(ConfigNode::Kind::list, node, "tags_from", findings)) return;
  for (const ConfigNode& item : node.items) {
    read_map<policies::TagSource>(item, "each of tags_from", "in tags_from", source_fields,
                                  sources.emplace_back(), findings);
    for (const std::string_view part : {"json", "as"}) {
      if (item.kind == ConfigNode::Kind::map && item.entries.size() < 2 && !item.find(part)) {
        findings.error(item.mark, "tags_from: " + std::string(part) +
                                      " is missing; write {json: \"$.id\", as: \"product:{}\"}");
      }
    }
  }
}

void read_tags(const ConfigNode& node, std::vector<std::string>& tags, Findings& findings) {
  tags = read_texts(node, "tags", findings);
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < tags.size(); ++i) {
    const ConfigNode& item = node.items[i];
    if (tags[i].empty() && item.kind == ConfigNode::Kind::scalar) {
      findings.error(item.mark, "tags: a tag is empty");
    } else if (!seen.insert(tags[i]).second) {
      findings.error(item.mark, "tags: " + quoted(tags[i]) + " is written twice");
    }
  }
}

void check_tags(const ConfigNode& node, const policies::TierSettings& tier,
                const RuleSettings& rule, Findings& findings) {
  const bool has_incomplete = rule.incomplete.ttl.count() > 0;
  if (rule.tags.empty() && rule.tags_from.empty() && !rule.runtime_tags && !has_incomplete) return;
  const std::string_view first = !rule.tags.empty()        ? "tags"
                                 : !rule.tags_from.empty() ? "tags_from"
                                 : has_incomplete          ? "incomplete"
                                                           : "runtime_tags";
  const ConfigNode& tags = *node.find(first);
  for (std::size_t i = 0; i < rule.tags.size(); ++i) {
    check_captures(tags.items[i].mark, "tags", rule.tags[i], rule, findings);
  }
  if (!rule.tags_from.empty()) check_sources(*node.find("tags_from"), rule, findings);
  const bool finds = !rule.tags_from.empty() || rule.runtime_tags || has_incomplete;
  if (finds && rule.version.fallback == policies::Fallback::stale) {
    findings.error(
        mark_of(node, "version"),
        "version: fallback: stale does not go with tags_from, runtime_tags or incomplete, "
        "because the tags and lives of values of the version before are not known");
  }
  if (tier.cache == policies::CacheMode::never) {
    findings.error(tags.mark, std::string(first) + ": tier " + quoted(tier.name) +
                                  " is cache: never, so there is nothing to invalidate");
  } else if (tier.ttl_mode != policies::TtlMode::tier) {
    const bool cuts = tier.ttl_mode == policies::TtlMode::by_default;
    findings.warning(tags.mark,
                     "tags with ttl_mode " + setting_text(tier.ttl_mode) +
                         ": a client TTL shorter than the tier's makes a value look older than it "
                         "is, so after an invalidation it is not cached for the difference" +
                         (cuts ? "; a longer one is cut to the tier's" : ""));
  }
}

}  // namespace pannier::proxy
