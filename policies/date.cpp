#include "policies/date.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace pannier::policies {

namespace {

constexpr std::size_t with_dashes = 10, without = 8;

unsigned number(std::string_view digits) {
  unsigned value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

}  // namespace

std::optional<Date> parse_date(std::string_view text) {
  std::string digits(text);
  if (text.size() == with_dashes) {
    if (text[4] != '-' || text[7] != '-') return std::nullopt;
    std::erase(digits, '-');
  }
  const auto is_digit = [](char byte) { return byte >= '0' && byte <= '9'; };
  if (digits.size() != without || !std::ranges::all_of(digits, is_digit)) return std::nullopt;
  const std::string_view all(digits);
  const std::chrono::year_month_day date{
      std::chrono::year(static_cast<int>(number(all.substr(0, 4)))),
      std::chrono::month(number(all.substr(4, 2))), std::chrono::day(number(all.substr(6, 2)))};
  return date.ok() ? std::optional(Date(date)) : std::nullopt;
}

std::string date_text(Date date) {
  const std::chrono::year_month_day parts(date);
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(parts.year()),
                static_cast<unsigned>(parts.month()), static_cast<unsigned>(parts.day()));
  return text;
}

Date date_of(ServerTime time) {
  return Date(std::chrono::floor<std::chrono::days>(time.time_since_epoch()));
}

}  // namespace pannier::policies
