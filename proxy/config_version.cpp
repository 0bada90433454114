#include "proxy/config_version.hpp"

#include <unordered_map>

#include "policies/key_versions.hpp"

namespace pannier::proxy {
namespace {

using policies::quoted;
using policies::RuleSettings;
using policies::VersionMode;
using policies::VersionSettings;

// Room for versions that are times in milliseconds, and for counting on.
constexpr std::uint64_t highest_version = 1'000'000'000'000'000;

constexpr Field<VersionSettings> version_fields[] = {
#define PANNIER_VERSION PANNIER_FIELD
#include "policies/settings.def"
};

/// The short forms: `2`, `transparent`, `explicit`.
void read_short(const ConfigNode& node, VersionSettings& version, Findings& findings) {
  const bool is_number = node.text.find_first_not_of("0123456789") == node.text.npos;
  if (!is_number || node.text.empty()) {
    return read_scalar(node, "version", version.mode, findings);
  }
  version.mode = VersionMode::transparent;
  read_scalar(node, "version", version.current, findings);
}

/// Whether the pattern ends in `v{name}`, so that the last capture is the version.
bool ends_in_version(const protocol::KeyPattern& pattern) {
  return !pattern.names().empty() && pattern.text().ends_with("v{" + pattern.names().back() + "}");
}

}  // namespace

void read_version(const ConfigNode& node, VersionSettings& version, Findings& findings) {
  if (node.kind == ConfigNode::Kind::scalar) {
    read_short(node, version, findings);
  } else {
    read_map<VersionSettings>(node, "version", "in version", version_fields, version, findings);
    if (findings.failed()) return;
    if (version.mode == VersionMode::none && node.entries.size() != (node.find("mode") ? 1u : 0u)) {
      findings.error(mark_of(node, "mode"), "version: mode must be transparent or explicit");
    }
    if (node.find("name") && version.name.empty()) {
      findings.error(mark_of(node, "name"), "name: it is empty; leave it out, or write one");
    }
    if (node.find("grace") && version.mode == VersionMode::transparent) {
      findings.error(mark_of(node, "grace"), "grace: only keys with explicit versions have one");
    }
  }
  if (version.current.value == 0 || version.current.value > highest_version) {
    findings.error(mark_of(node, "current"), "version: they begin with 1 and end at 10^15");
  }
}

void check_version(const ConfigNode& node, const policies::TierSettings& tier,
                   const RuleSettings& rule, Findings& findings) {
  if (rule.version.mode == VersionMode::none) return;
  if (tier.cache == policies::CacheMode::never) {
    findings.error(mark_of(node, "version"),
                   "version: tier " + quoted(tier.name) +
                       " is cache: never, so its keys are passed through as they are");
  }
  if (rule.version.mode != VersionMode::explicit_in_key) return;
  for (const auto& pattern : rule.match) {
    if (ends_in_version(pattern)) continue;
    findings.error(mark_of(node, "match"), "match: " + quoted(pattern.text()) +
                                               " must end in v{n}, as in report:{id}:v{n}, "
                                               "because its version is explicit");
  }
}

void check_shared_versions(const ConfigNode& list, const std::vector<RuleSettings>& rules,
                           Findings& findings) {
  std::unordered_map<std::string_view, const RuleSettings*> owners;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const RuleSettings& rule = rules[i];
    if (rule.version.mode == VersionMode::none) continue;
    const auto [owner, is_new] = owners.try_emplace(policies::version_name(rule), &rule);
    if (is_new) continue;
    const VersionSettings& first = owner->second->version;
    const bool both_explicit =
        first.mode == rule.version.mode && rule.version.mode == VersionMode::explicit_in_key;
    if (first.current.value == rule.version.current.value &&
        (!both_explicit || first.grace == rule.version.grace)) {
      continue;
    }
    findings.error(mark_of(list.items[i], "version"),
                   "version: rule " + quoted(owner->second->name) + " shares version " +
                       quoted(owner->first) + " but gives it another current or grace");
  }
}

}  // namespace pannier::proxy
