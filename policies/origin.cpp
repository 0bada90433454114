#include "policies/origin.hpp"

#include <algorithm>

#include "policies/date.hpp"

namespace pannier::policies {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// `-12`, and of a number `1.5e3` as well; not what PostgreSQL also reads (`NaN`, `0x10`).
bool is_number(std::string_view text, bool whole) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  const auto take_digits = [&text] {
    const auto end = std::find_if_not(text.begin(), text.end(), is_digit);
    const auto count = static_cast<std::size_t>(end - text.begin());
    text.remove_prefix(count);
    return count;
  };
  auto digits = take_digits();
  if (whole) return digits > 0 && digits <= 18 && text.empty();
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    digits += take_digits();
  }
  if (digits == 0 || digits > 300) return false;
  if (text.empty()) return true;
  if (text[0] != 'e' && text[0] != 'E') return false;
  text.remove_prefix(1);
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  const auto exponent = take_digits();
  return exponent > 0 && exponent <= 3 && text.empty();
}

/// A date, and what a time is made of; PostgreSQL says whether it is one.
bool is_timestamp(std::string_view text) {
  if (text.size() < 11 || text.size() > 40 || !parse_date(text.substr(0, 10))) return false;
  return text.find_first_not_of("0123456789:.+- TZ", 10) == text.npos;
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = text[i];
    const bool is_hex = is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (is_dash ? c != '-' : !is_hex) return false;
  }
  return true;
}

}  // namespace

std::string objection_to_parameter(ParameterType type, std::string_view value) {
  switch (type) {
    case ParameterType::text:
    case ParameterType::json:  // Whether it is JSON, PostgreSQL says.
      return value.find('\0') == value.npos ? "" : "has a zero byte";
    case ParameterType::integer:
      return is_number(value, true) ? "" : "is not an integer";
    case ParameterType::number:
      return is_number(value, false) ? "" : "is not a number";
    case ParameterType::boolean:
      return value == "true" || value == "false" ? "" : "is not true or false";
    case ParameterType::date:
      return parse_date(value) ? "" : "is not a date as 2026-11-21";
    case ParameterType::timestamp:
      return is_timestamp(value) ? "" : "is not a time as 2026-11-21T12:00:00Z";
    case ParameterType::uuid:
      return is_uuid(value) ? "" : "is not a UUID";
  }
  return {};
}

OriginCall origin_call(const OriginSettings& origin, const Match& match) {
  OriginCall call;
  for (const auto& parameter : origin.params) {
    auto value = filled_tag(parameter.value, match);
    const auto wrong = objection_to_parameter(parameter.type, value);
    if (!wrong.empty()) {
      call.wrong = "origin '" + origin.name + "': parameter $" +
                   std::to_string(call.params.size() + 1) + " (" + parameter.value + ") " + wrong;
      return call;
    }
    call.params.push_back(std::move(value));
  }
  return call;
}

void OriginMemory::keep(const std::string& table_key, std::string error, TimePoint now,
                        TimePoint until) {
  if (until <= now) return;
  if (kept_.size() >= capacity) {
    std::erase_if(kept_, [now](const auto& entry) { return entry.second.until <= now; });
    if (kept_.size() >= capacity) kept_.clear();
  }
  kept_[table_key] = {std::move(error), until};
}

const std::string* OriginMemory::find(const std::string& table_key, TimePoint now) const {
  if (kept_.empty()) return nullptr;
  const auto at = kept_.find(table_key);
  return at == kept_.end() || at->second.until <= now ? nullptr : &at->second.error;
}

}  // namespace pannier::policies
