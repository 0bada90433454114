#include "policies/warm.hpp"

#include <optional>

#include "protocol/reply.hpp"

namespace pannier::policies {

namespace {

constexpr std::int64_t most_days = 3'660;

/// How many days before today `today-3` means; nothing for anything else.
std::optional<std::int64_t> days_before(std::string_view field) {
  constexpr std::string_view today = "today";
  if (field == today) return 0;
  if (!field.starts_with("today-")) return std::nullopt;
  const auto days = protocol::to_integer(field.substr(today.size() + 1));
  return days && *days >= 0 && *days <= most_days ? days : std::nullopt;
}

/// The key with its fields filled; nothing if one of them is none.
std::optional<std::string> filled(std::string_view key, Date today) {
  std::string out;
  while (!key.empty()) {
    const auto open = key.find('{');
    out += key.substr(0, open);
    if (open == key.npos) break;
    key.remove_prefix(open + 1);
    if (key.starts_with('{')) {
      out += '{';
      key.remove_prefix(1);
      continue;
    }
    const auto close = key.find('}');
    if (close == key.npos) return std::nullopt;
    const auto days = days_before(key.substr(0, close));
    if (!days) return std::nullopt;
    out += date_text(today - std::chrono::days(*days));
    key.remove_prefix(close + 1);
  }
  return out;
}

}  // namespace

std::vector<std::string> warm_keys(const WarmSettings& set, Date today) {
  std::vector<std::string> keys;
  for (const auto& key : set.keys) {
    if (auto name = filled(key, today)) keys.push_back(std::move(*name));
  }
  return keys;
}

std::string objection_to_warm_key(std::string_view key) {
  if (key.empty()) return "a key is empty";
  if (filled(key, Date{})) return {};
  return "'" + std::string(key) + "': write {today} or {today-3}, and {{ for a brace";
}

}  // namespace pannier::policies
