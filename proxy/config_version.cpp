#include "proxy/config_version.hpp"

#include <unordered_map>

#include "policies/key_versions.hpp"

namespace pannier::proxy {
namespace {

using policies::quoted;
using policies::RuleSettings;
using policies::VersionMode;
using policies::VersionSettings;

using policies::highest_version;

/// `{1: 90, 2: 10}`.
void read_weights(const ConfigNode& node, VersionSettings& version, Findings& findings) {
  if (!expect(ConfigNode::Kind::map, node, "versions", findings)) return;
  std::uint64_t all = 0;
  for (const auto& entry : node.entries) {
    if (!expect(ConfigNode::Kind::scalar, entry.value, "a version's weight", findings)) return;
    const auto wrong = policies::add_weight(version.versions, entry.key, entry.value.text);
    if (!wrong.empty()) return findings.error(entry.mark, "versions: " + wrong);
  }
  for (const auto& one : version.versions) all += one.weight;
  if (all == 0 && !node.entries.empty()) {
    findings.error(node.mark, "versions: at least one needs a weight above 0");
  }
}

constexpr Field<VersionSettings> version_fields[] = {
#define PANNIER_VERSION PANNIER_FIELD
#include "policies/settings.def"
    {"versions", [](const ConfigNode& node, VersionSettings& version, Findings& findings) {
       read_weights(node, version, findings);
     }}};

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

/// Settings that say nothing beside others.
void check_fields(const ConfigNode& node, const VersionSettings& version, Findings& findings) {
  const bool falls_back = version.fallback == policies::Fallback::stale;
  const bool is_transparent = version.mode == VersionMode::transparent;
  if (node.find("grace") && is_transparent && !falls_back) {
    findings.error(mark_of(node, "grace"),
                   "grace: only keys with explicit versions have one, and fallback: stale");
  }
  if (falls_back && !is_transparent) {
    findings.error(mark_of(node, "fallback"),
                   "fallback: keys with explicit versions say which one they mean");
  }
  if (version.versions.empty()) return;
  if (!is_transparent) {
    findings.error(mark_of(node, "versions"),
                   "versions: keys with explicit versions say which one they mean");
  }
  for (const auto& one : version.versions) {
    if (one.weight == 0 || one.version >= version.current.value) continue;
    findings.error(mark_of(node, "versions"), "versions: " + std::to_string(one.version) +
                                                  " is older than current, and a version never "
                                                  "goes back");
    return;
  }
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
    check_fields(node, version, findings);
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
      if (first.versions == rule.version.versions) continue;
      findings.error(mark_of(list.items[i], "version"),
                     "version: rule " + quoted(owner->second->name) + " shares version " +
                         quoted(owner->first) + " but gives it other versions");
      continue;
    }
    findings.error(mark_of(list.items[i], "version"),
                   "version: rule " + quoted(owner->second->name) + " shares version " +
                       quoted(owner->first) + " but gives it another current or grace");
  }
}

}  // namespace pannier::proxy
