#include "policies/version_report.hpp"

#include <algorithm>

#include "policies/pipeline.hpp"

namespace pannier::policies {

using protocol::Value;

namespace {

Value number(std::uint64_t value) { return {static_cast<std::int64_t>(value)}; }

bool has_grace(const RuleSettings& rule) {
  return rule.version.mode == VersionMode::explicit_in_key ||
         rule.version.fallback == Fallback::stale;
}

/// Version and share of the clients, in percent.
Value::Map shares_of(const KeyVersions::Version& version) {
  Value::Map shares;
  double all = 0;
  for (const auto& one : version.shares()) all += one.weight;
  for (const auto& one : version.shares()) {
    shares.push_back({std::to_string(one.version), {100 * one.weight / all}});
  }
  return shares;
}

}  // namespace

Value::Map describe(const KeyVersions::Version& version, bool with_grace, const Core& core) {
  const auto now = core.server_floor();
  const bool in_grace = with_grace && version.in_grace(now);
  const auto left = in_grace ? version.bumped_at + version.grace - now : milliseconds(0);
  Value::Map fields{{"current", number(version.current)},
                    {"known", {version.known}},
                    {"grace_left_ms", {left.count()}}};
  if (in_grace) fields.push_back({"previous", number(version.previous)});
  fields.push_back({"pinned", {version.pinned}});
  if (version.newest() > version.current) fields.push_back({"newest", number(version.newest())});
  if (!version.shares().empty()) fields.push_back({"percent", {shares_of(version)}});
  return fields;
}

void describe_version(Value::Map& fields, const KeyVersions::Version& version,
                      const Subject& subject, const Core& core) {
  const auto& rule = *subject.rule->settings;
  fields.push_back({"version", number(version.current)});
  if (rule.version.mode == VersionMode::transparent) {
    fields.push_back({"version_served", number(subject.version)});
  }
  for (auto& [name, value] : describe(version, has_grace(rule), core)) {
    if (name == "current" || name == "known") continue;
    if (name == "grace_left_ms" && !has_grace(rule)) continue;
    fields.push_back({"version_" + name, std::move(value)});
  }
}

Value Pipeline::versions() const {
  // Of those that clients do not name there is none but the current one, unless it is fallen back
  // on.
  const auto any_grace = [this](std::string_view name) {
    return std::ranges::any_of(core_.rules->rules(), [&](const Rule& rule) {
      return has_grace(*rule.settings) && version_name(*rule.settings) == name;
    });
  };
  Value::Map all;
  for (const auto& [name, version] : core_.versions.all()) {
    all.push_back({name, {describe(version, any_grace(name), core_)}});
  }
  return {std::move(all)};
}

}  // namespace pannier::policies
