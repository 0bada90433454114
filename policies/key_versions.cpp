#include "policies/key_versions.hpp"

#include <algorithm>
#include <charconv>

namespace pannier::policies {

namespace {

/// The next number of a record; 0 when there is none.
std::int64_t take_number(std::string_view& record) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(record.data(), record.data() + record.size(), number);
  record.remove_prefix(static_cast<std::size_t>(end - record.data()));
  if (!record.empty()) record.remove_prefix(1);
  return error == std::errc() ? number : 0;
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
    }
    if (rule.version.current.value > at->second.current) {
      at->second.current = rule.version.current.value;
      at->second.must_read = true;
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
  const auto current = static_cast<std::uint64_t>(std::max<std::int64_t>(take_number(record), 0));
  version.configured_later = current < version.current;
  if (current >= version.current) {
    version.current = current;
    version.bumped_at = ServerTime(milliseconds(take_number(record)));
    version.grace = milliseconds(take_number(record));
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

void KeyVersions::settle_without_upstream() {
  for (auto& [name, version] : versions_) version.known = true;
}

KeyVersions::Standing KeyVersions::standing(const Version& version, std::uint64_t asked,
                                            ServerTime now) {
  if (asked >= version.current) return Standing::current;
  if (asked + 1 == version.current && now < version.bumped_at + version.grace) {
    return Standing::grace;
  }
  return Standing::retired;
}

}  // namespace pannier::policies
