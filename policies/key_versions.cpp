#include "policies/key_versions.hpp"

#include <algorithm>

namespace pannier::policies {

namespace {

/// The oldest version that anybody uses under these weights; 0 without any.
std::uint64_t oldest(const VersionWeights& weights) {
  for (const auto& one : weights) {
    if (one.weight > 0) return one.version;
  }
  return 0;
}

}  // namespace

const std::string& version_name(const RuleSettings& rule) {
  return rule.version.name.empty() ? rule.name : rule.version.name;
}

void KeyVersions::configure(const Settings& settings) {
  std::map<std::string, Version, std::less<>> next;
  for (const auto& rule : settings.rules) {
    if (rule.version.mode == VersionMode::none) continue;
    const auto& name = version_name(rule);
    auto at = next.find(name);
    if (at == next.end()) {
      const auto before = versions_.find(name);
      at = next.emplace(name, before == versions_.end() ? Version{} : before->second).first;
      if (before == versions_.end()) at->second.grace = rule.version.grace;
      const auto next_number = static_cast<std::uint32_t>(numbers_.size());
      at->second.number = numbers_.try_emplace(name, next_number).first->second;
      at->second.configured.clear();
    }
    auto& version = at->second;
    if (version.configured.empty()) version.configured = rule.version.versions;
    const auto least = std::max(rule.version.current.value, oldest(version.configured));
    if (least > version.current) {
      version.previous = version.known ? version.current : least - 1;
      version.current = least;
      version.bumped_at = {};
      version.must_read = true;
    }
  }
  versions_ = std::move(next);
}

const KeyVersions::Version* KeyVersions::find(std::string_view name) const {
  const auto at = versions_.find(name);
  return at == versions_.end() ? nullptr : &at->second;
}

void KeyVersions::learn(std::string_view name, std::string_view record) {
  const auto at = versions_.find(name);
  if (at == versions_.end()) return;
  auto& version = at->second;
  const auto there = VersionRecord::parse(record);
  version.configured_later = there.current < version.current;
  if (!version.configured_later) {
    static_cast<VersionRecord&>(version) = there;
  } else {
    version.top = std::max(version.top, there.top);
    version.pinned = version.pinned || there.pinned;
    // A configuration raised it: what was current is the version before.
    if (there.current > 0 && version.bumped_at == ServerTime{}) version.previous = there.current;
  }
  version.known = true;
  version.problem.clear();
}

void KeyVersions::unreadable(std::string_view name, std::string_view error) {
  if (const auto at = versions_.find(name); at != versions_.end()) at->second.problem = error;
}

void KeyVersions::outdate(std::string_view name) {
  if (const auto at = versions_.find(name); at != versions_.end()) at->second.must_read = true;
}

void KeyVersions::outdate_all() {
  for (auto& [name, version] : versions_) version.must_read = true;
}

void KeyVersions::forget_all() {
  for (auto& [name, version] : versions_) {
    version.must_read = true;
    version.known = false;
  }
}

void KeyVersions::reading(std::string_view name) {
  if (const auto at = versions_.find(name); at != versions_.end()) at->second.must_read = false;
}

void KeyVersions::sweeping(std::string_view name, std::uint64_t current) {
  if (const auto at = versions_.find(name); at != versions_.end()) at->second.swept = current;
}

void KeyVersions::sweep_failed(std::string_view name, ServerTime again) {
  const auto at = versions_.find(name);
  if (at == versions_.end()) return;
  at->second.swept = 0;
  at->second.sweep_after = again;
}

void KeyVersions::settle_without_upstream() {
  for (auto& [name, version] : versions_) version.known = true;
}

const VersionWeights& KeyVersions::Version::shares() const {
  static const VersionWeights none;
  if (pinned) return none;
  const auto& said = has_weights ? weights : configured;
  return oldest(said) >= current ? said : none;
}

std::uint64_t KeyVersions::Version::newest() const {
  const auto& said = shares();
  return std::max({current, top, said.empty() ? 0 : said.back().version});
}

std::uint64_t KeyVersions::version_for(const Version& version, std::string_view name,
                                       std::string_view client) {
  const auto& shares = version.shares();
  return shares.empty() ? version.current : version_at(shares, place_of(name, client));
}

KeyVersions::Standing KeyVersions::standing(const Version& version, std::uint64_t asked,
                                            ServerTime now) {
  if (asked >= version.current) return Standing::current;
  const bool is_before = asked >= (version.previous > 0 ? version.previous : version.current - 1);
  if (is_before && now < version.bumped_at + version.grace) {
    return Standing::grace;
  }
  return Standing::retired;
}

}  // namespace pannier::policies
