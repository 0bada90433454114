#include "proxy/config_tags.hpp"

#include <algorithm>
#include <set>

namespace pannier::proxy {
namespace {

using policies::quoted;
using policies::RuleSettings;

/// Checks one `{name}` of a tag against every pattern of the rule.
void check_capture(Mark mark, const std::string& tag, std::string_view name,
                   const RuleSettings& rule, Findings& findings) {
  for (const auto& pattern : rule.match) {
    const std::vector<std::string_view> names(pattern.names().begin(), pattern.names().end());
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    const std::string sentence = "tags: " + quoted(tag) + " needs {" + std::string(name) +
                                 "}, which " + quoted(pattern.text()) + " does not capture";
    findings.error(mark, sentence + policies::suggestion(name, names));
  }
}

void check_tag(Mark mark, const std::string& tag, const RuleSettings& rule, Findings& findings) {
  std::string_view rest = tag;
  for (auto at = rest.find_first_of("{}"); at != rest.npos; at = rest.find_first_of("{}")) {
    const auto next = rest.find_first_of("{}", at + 1);
    if (rest[at] == '}' || next == rest.npos || rest[next] == '{') {
      return findings.error(mark, "tags: the braces of " + quoted(tag) + " do not match up");
    }
    check_capture(mark, tag, rest.substr(at + 1, next - at - 1), rule, findings);
    rest.remove_prefix(next + 1);
  }
}

}  // namespace

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
  if (rule.tags.empty()) return;
  const ConfigNode& tags = *node.find("tags");
  for (std::size_t i = 0; i < rule.tags.size(); ++i) {
    check_tag(tags.items[i].mark, rule.tags[i], rule, findings);
  }
  if (tier.cache == policies::CacheMode::never) {
    findings.error(tags.mark, "tags: tier " + quoted(tier.name) +
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
