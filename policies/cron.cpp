#include "policies/cron.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <span>
#include <vector>

#include "policies/spelling.hpp"
#include "protocol/command_table.hpp"

namespace pannier::policies {

template <class T>
using Result = boost::system::result<T, std::string>;

namespace {

using std::chrono::days;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::year_month_day;

/// A certain weekday on February 29 may be 40 years away; nothing that comes at all is rarer.
constexpr int most_days = 41 * 366;

constexpr std::array<std::string_view, 12> month_names{"jan", "feb", "mar", "apr", "may", "jun",
                                                       "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::array<std::string_view, 7> day_names{"sun", "mon", "tue", "wed",
                                                    "thu", "fri", "sat"};

struct Part {
  std::string_view name;
  unsigned least, most;
  std::span<const std::string_view> names;  ///< Of its values, from `least` on.
};
const std::array<Part, 5> parts{{{"minute", 0, 59, {}},
                                 {"hour", 0, 23, {}},
                                 {"day of month", 1, 31, {}},
                                 {"month", 1, 12, month_names},
                                 {"day of week", 0, 7, day_names}}};

struct Short {
  std::string_view name, text;
};
constexpr std::array<Short, 7> shorts{{{"@hourly", "0 * * * *"},
                                       {"@daily", "0 0 * * *"},
                                       {"@midnight", "0 0 * * *"},
                                       {"@weekly", "0 0 * * 0"},
                                       {"@monthly", "0 0 1 * *"},
                                       {"@yearly", "0 0 1 1 *"},
                                       {"@annually", "0 0 1 1 *"}}};

/// Splits at each of `at`; an empty piece is kept.
std::vector<std::string_view> split(std::string_view text, char at) {
  std::vector<std::string_view> pieces;
  for (;;) {
    const auto end = text.find(at);
    pieces.push_back(text.substr(0, end));
    if (end == text.npos) return pieces;
    text.remove_prefix(end + 1);
  }
}

std::optional<unsigned> number_of(std::string_view text) {
  const auto is_digit = [](char byte) { return byte >= '0' && byte <= '9'; };
  if (text.empty() || text.size() > 4 || !std::ranges::all_of(text, is_digit)) return std::nullopt;
  unsigned value = 0;
  for (const char byte : text) value = value * 10 + static_cast<unsigned>(byte - '0');
  return value;
}

Result<unsigned> value_of(const Part& part, std::string_view text) {
  for (std::size_t i = 0; i < part.names.size(); ++i) {
    if (protocol::equals_nocase(text, part.names[i])) {
      return part.least + static_cast<unsigned>(i);
    }
  }
  const auto value = number_of(text);
  if (value && *value >= part.least && *value <= part.most) return *value;
  return std::string(part.name) + ": " + quoted(text) + " is not " + std::to_string(part.least) +
         " to " + std::to_string(part.most) + (part.names.empty() ? "" : " or a name of 3 letters");
}

/// One piece of a list, as bits.
Result<std::uint64_t> bits_of(const Part& part, std::string_view piece) {
  const auto slash = piece.find('/');
  const auto range = piece.substr(0, slash);
  unsigned step = 1, from = part.least, to = part.most;
  const auto dash = range.find('-');
  if (range != "*") {
    const auto first = value_of(part, range.substr(0, dash));
    if (!first) return first.error();
    const auto last = dash == range.npos ? first : value_of(part, range.substr(dash + 1));
    if (!last) return last.error();
    from = *first;
    to = *last;
    if (from > to) {
      return std::string(part.name) + ": " + quoted(range) + " ends before it begins";
    }
  }
  if (slash != piece.npos) {
    const auto given = number_of(piece.substr(slash + 1));
    const bool steps_through = range == "*" || dash != range.npos;
    if (!given || *given == 0 || *given > part.most || !steps_through) {
      return std::string(part.name) + ": " + quoted(piece) +
             " is not a step; write */5, or 10-20/5";
    }
    step = *given;
  }
  std::uint64_t bits = 0;
  for (unsigned value = from; value <= to; value += step) bits |= std::uint64_t{1} << value;
  return bits;
}

Result<std::uint64_t> all_bits_of(const Part& part, std::string_view text) {
  std::uint64_t bits = 0;
  for (const auto piece : split(text, ',')) {
    const auto some = bits_of(part, piece);
    if (!some) return some.error();
    bits |= *some;
  }
  return bits;
}

bool has_bit(std::uint64_t bits, unsigned place) { return (bits >> place & 1) != 0; }

ServerTime begin_of(Date day) {
  return ServerTime(std::chrono::duration_cast<milliseconds>(day.time_since_epoch()));
}

}  // namespace

Result<Cron> Cron::parse(std::string_view text) {
  if (text.starts_with('@')) {
    std::vector<std::string_view> names;
    for (const auto& known : shorts) {
      if (known.name == text) return parse(known.text);
      names.push_back(known.name);
    }
    return quoted(text) + " is not a time" + suggestion(text, names);
  }
  std::vector<std::string_view> fields = split(text, ' ');
  std::erase(fields, std::string_view());
  if (fields.size() != parts.size()) {
    return quoted(text) + " has " + std::to_string(fields.size()) +
           " fields; there are 5: minute, hour, day of month, month, day of week";
  }
  std::array<std::uint64_t, 5> bits{};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const auto some = all_bits_of(parts[i], fields[i]);
    if (!some) return some.error();
    bits[i] = *some;
  }
  Cron made;
  made.minutes_ = bits[0];
  made.hours_ = static_cast<std::uint32_t>(bits[1]);
  made.days_ = static_cast<std::uint32_t>(bits[2]);
  made.months_ = static_cast<std::uint32_t>(bits[3]);
  made.weekdays_ = static_cast<std::uint32_t>(bits[4] | bits[4] >> 7);  // Sunday is 7, too.
  made.any_day_ = fields[2].starts_with('*');
  made.any_weekday_ = fields[4].starts_with('*');
  const Date leap{
      year_month_day(std::chrono::year(2000), std::chrono::January, std::chrono::day(1))};
  for (int i = 0; i < most_days; ++i) {
    if (made.has(leap + days(i))) return made;
  }
  return quoted(text) + " never comes";
}

bool Cron::has(Date day) const {
  const year_month_day date(day);
  if (!has_bit(months_, static_cast<unsigned>(date.month()))) return false;
  const bool on_day = has_bit(days_, static_cast<unsigned>(date.day()));
  const bool on_weekday = has_bit(weekdays_, std::chrono::weekday(day).c_encoding());
  return any_day_ || any_weekday_ ? on_day && on_weekday : on_day || on_weekday;
}

ServerTime Cron::next_after(ServerTime time) const {
  const auto from = std::chrono::floor<minutes>(time) + minutes(1);
  Date day = date_of(ServerTime(from));
  auto minute = std::chrono::duration_cast<minutes>(ServerTime(from) - begin_of(day)).count();
  for (int i = 0; i < most_days; ++i, day += days(1), minute = 0) {
    if (!has(day)) continue;
    for (; minute < 24 * 60; ++minute) {
      const auto hour = static_cast<unsigned>(minute / 60);
      if (has_bit(hours_, hour) && has_bit(minutes_, static_cast<unsigned>(minute % 60))) {
        return begin_of(day) + minutes(minute);
      }
    }
  }
  return ServerTime::max();
}

ServerTime Cron::last_until(ServerTime time) const {
  Date day = date_of(time);
  auto minute = std::chrono::floor<minutes>(time - begin_of(day)).count();
  for (int i = 0; i < most_days; ++i, day -= days(1), minute = 24 * 60 - 1) {
    if (!has(day)) continue;
    for (; minute >= 0; --minute) {
      const auto hour = static_cast<unsigned>(minute / 60);
      if (has_bit(hours_, hour) && has_bit(minutes_, static_cast<unsigned>(minute % 60))) {
        return begin_of(day) + minutes(minute);
      }
    }
  }
  return ServerTime::min();
}

}  // namespace pannier::policies
