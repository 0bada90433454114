#include "policies/second_tier.hpp"

#include <algorithm>
#include <cstdio>
#include <utility>

#include "policies/core.hpp"

namespace pannier::policies {

std::string second_tier_name(std::string_view tier) {
  return "second tier of '" + std::string(tier) + "'";
}

std::string timestamp_text(ServerTime at) {
  const auto day = date_of(at);
  const auto ms = (at.time_since_epoch() - day.time_since_epoch()) / milliseconds(1);
  char time[32];
  std::snprintf(time, sizeof time, " %02d:%02d:%02d.%03d+00", static_cast<int>(ms / 3'600'000),
                static_cast<int>(ms / 60'000 % 60), static_cast<int>(ms / 1'000 % 60),
                static_cast<int>(ms % 1'000));
  return date_text(day) + time;
}

std::string like_of_glob(std::string_view glob) {
  std::string like;
  const auto any = [&like] {
    if (!like.ends_with('%') || like.ends_with("\\%")) like += '%';
  };
  for (std::size_t i = 0; i < glob.size(); ++i) {
    char byte = glob[i];
    if (byte == '*' || byte == '?') {
      any();  // A `?` is one byte, of which a letter may have several.
      continue;
    }
    if (byte == '[') {
      auto end = i + 1;
      while (end < glob.size() && glob[end] != ']') end += glob[end] == '\\' ? 2 : 1;
      i = end;
      any();
      continue;
    }
    if (byte == '\\' && i + 1 < glob.size()) byte = glob[++i];
    if (byte == '%' || byte == '_' || byte == '\\') like += '\\';
    like += byte;
  }
  return like;
}

std::string array_text(const std::vector<std::string>& items) {
  std::string text = "{";
  for (const auto& item : items) {
    if (text.size() > 1) text += ',';
    text += '"';
    for (const char byte : item) {
      if (byte == '"' || byte == '\\') text += '\\';
      text += byte;
    }
    text += '"';
  }
  return text + '}';
}

std::string row_value(const SecondTierSettings& table, std::string_view value) {
  if (!table.bytea) return std::string(value);
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text = "\\x";
  text.reserve(2 + 2 * value.size());
  for (const char byte : value) {
    const auto bits = static_cast<unsigned char>(byte);
    text += digits[bits >> 4];
    text += digits[bits & 15];
  }
  return text;
}

ServerTime rows_count_after(const Subject& subject, const Core& core) {
  const auto newest = core.newest(subject);
  const auto now = core.server_floor();
  if (!newest.complete) return now;
  const auto ttl = subject.rule->tier->second_tier->ttl;
  auto after = now - (ttl.count() > 0 ? ttl : subject.life.fresh);
  if (newest.at) after = std::max(after, *newest.at);
  if (newest.soft) after = std::max(after, *newest.soft);
  return after;
}

void TableCalls::begin(Core& core, const TierSettings& tier, const std::string& sql,
                       std::vector<std::string> params, Done done) {
  const auto& table = *tier.second_tier;
  const auto id = next_++;
  open_.emplace(id, std::move(done));
  TableCall call{id,  second_tier_name(tier.name), table.database,
                 sql, std::move(params),           table.timeout};
  if (!core.effects.ask_table(std::move(call)))
    answered(id, {"nobody asks databases here", true}, core);
}

void TableCalls::answered(std::uint64_t id, const TableOutcome& outcome, Core& core) {
  const auto at = open_.find(id);
  if (at == open_.end()) return;
  const auto done = std::move(at->second);
  open_.erase(at);
  done(outcome, core);
}

}  // namespace pannier::policies
