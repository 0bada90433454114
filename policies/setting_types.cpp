#include "policies/setting_types.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <span>

#include "policies/spelling.hpp"

namespace pannier::policies {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t size;
};

// The largest first: setting_text takes the first that divides.
constexpr std::array<Unit, 5> time_units{
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};
constexpr std::array<Unit, 4> size_units{
    {{"GiB", 1u << 30}, {"MiB", 1u << 20}, {"KiB", 1u << 10}, {"B", 1}}};

// A century: also as microseconds, and added to any clock, it stays far below an overflow.
constexpr std::uint64_t longest_ms = 36'500 * time_units[0].size;
constexpr std::uint64_t largest_bytes = std::uint64_t{1} << 50;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

bool is_word(std::string_view text) {
  for (const char c : text) {
    const char letter = static_cast<char>(c | 0x20);
    if (letter < 'a' || letter > 'z') return false;
  }
  return !text.empty();
}

/// What stands before the unit. `complaint` is empty when it is a number.
struct Number {
  std::uint64_t value = 0;
  std::string_view rest;
  std::string complaint;
};

Number read_number(std::string_view raw, std::string_view what, std::string_view example) {
  Number number;
  std::size_t digits = 0;
  while (digits < raw.size() && is_digit(raw[digits])) ++digits;
  number.rest = raw.substr(digits);
  if (digits == 0) {
    number.complaint =
        quoted(raw) + " is not " + std::string(what) + "; write " + std::string(example);
    return number;
  }
  if (digits > 1 && raw[0] == '0') {
    number.complaint = quoted(raw) + " has a leading zero, which some readers take for octal";
    return number;
  }
  for (const char c : raw.substr(0, digits)) {
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (number.value > (std::numeric_limits<std::uint64_t>::max() - digit) / 10) {
      number.complaint = quoted(raw) + " is too large";
      return number;
    }
    number.value = number.value * 10 + digit;
  }
  return number;
}

/// `ms, s or m`; with digits in front of each, `5ms, 5s or 5m`.
std::string unit_names(std::span<const Unit> units, std::string_view digits = {}) {
  std::string names;
  for (std::size_t i = units.size(); i > 0; --i) {
    names += names.empty() ? "" : i == 1 ? " or " : ", ";
    names.append(digits).append(units[i - 1].name);
  }
  return names;
}

struct Grammar {
  std::string_view what, example;
  std::span<const Unit> units;
  std::uint64_t most;
  std::string_view most_text;
};

constexpr std::string_view duration_example = "digits and a unit, such as 30s";
constexpr std::string_view size_example = "digits and a unit, such as 64MiB";

/// Reads digits and a unit into `out`, in the smallest unit.
std::string read_quantity(std::string_view raw, const Grammar& grammar, std::uint64_t& out) {
  const Number number = read_number(raw, grammar.what, grammar.example);
  if (!number.complaint.empty()) return number.complaint;
  if (number.rest.empty()) {
    return quoted(raw) + " has no unit; write " + unit_names(grammar.units, raw);
  }
  for (const Unit& unit : grammar.units) {
    if (unit.name != number.rest) continue;
    if (number.value > grammar.most / unit.size) {
      return quoted(raw) + " is more than " + std::string(grammar.most_text);
    }
    out = number.value * unit.size;
    return {};
  }
  if (!is_word(number.rest)) {
    return quoted(raw) + " is not " + std::string(grammar.what) + "; write " +
           std::string(grammar.example);
  }
  return quoted(raw) + " has the unknown unit " + quoted(number.rest) + "; write " +
         unit_names(grammar.units);
}

std::string quantity_text(std::uint64_t value, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (value != 0 && value % unit.size == 0) {
      return std::to_string(value / unit.size) + std::string(unit.name);
    }
  }
  return "0" + std::string(units.back().name);
}

}  // namespace

std::string parse_setting(std::string_view raw, milliseconds& out) {
  static constexpr Grammar grammar{"a duration", duration_example, time_units, longest_ms,
                                   "36500d"};
  std::uint64_t value = 0;
  if (raw != "0") {
    if (std::string complaint = read_quantity(raw, grammar, value); !complaint.empty()) {
      return complaint;
    }
  }
  out = milliseconds(static_cast<milliseconds::rep>(value));
  return {};
}

std::string parse_setting(std::string_view raw, Bytes& out) {
  static constexpr Grammar grammar{"a size", size_example, size_units, largest_bytes, "1048576GiB"};
  return read_quantity(raw, grammar, out.value);
}

std::string parse_setting(std::string_view raw, Ratio& out) {
  const Number number = read_number(raw, "a share", "whole percent, such as 10%");
  if (!number.complaint.empty()) return number.complaint;
  if (number.rest.empty())
    return quoted(raw) + " has no percent sign; write " + std::string(raw) + "%";
  if (number.rest != "%") return quoted(raw) + " is not a share; write whole percent, such as 10%";
  if (number.value > 100) return quoted(raw) + " is more than 100%";
  out.value = static_cast<double>(number.value) / 100;
  return {};
}

std::string parse_setting(std::string_view raw, Refresh& out) {
  if (raw == "off" || raw == "xfetch") {
    out = {raw == "off" ? Refresh::How::off : Refresh::How::xfetch, {}};
    return {};
  }
  Ratio share;
  const bool reads = parse_setting(raw, share).empty();
  if (!reads || share.value <= 0 || share.value >= 1) {
    return quoted(raw) + " is not off, xfetch or a share between 1% and 99%, such as 50%";
  }
  out = {Refresh::How::at_share, share};
  return {};
}

std::string parse_setting(std::string_view raw, Share& out) {
  constexpr std::string_view example = "percent, such as 1% or 0.1%";
  const Number number = read_number(raw, "a share", example);
  if (!number.complaint.empty()) return number.complaint;
  std::string_view rest = number.rest;
  std::uint32_t thousandths = 0, unit = 1'000;
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    for (; !rest.empty() && is_digit(rest[0]) && unit > 1; rest.remove_prefix(1)) {
      unit /= 10;
      thousandths += unit * static_cast<std::uint32_t>(rest[0] - '0');
    }
    if (unit == 1'000) rest = "none";  // A point without digits.
  }
  if (rest != "%") return quoted(raw) + " is not a share; write " + std::string(example);
  if (number.value > 100 || (number.value == 100 && thousandths > 0)) {
    return quoted(raw) + " is more than 100%";
  }
  out.parts = static_cast<std::uint32_t>(number.value) * 1'000 + thousandths;
  return {};
}

std::string parse_setting(std::string_view raw, Count& out) {
  const Number number = read_number(raw, "a number", "digits only");
  if (!number.complaint.empty()) return number.complaint;
  if (!number.rest.empty()) return quoted(raw) + " is not a number; write digits only";
  out.value = number.value;
  return {};
}

std::string parse_setting(std::string_view raw, bool& out) {
  if (raw != "true" && raw != "false") return quoted(raw) + " is neither true nor false";
  out = raw == "true";
  return {};
}

std::string parse_setting(std::string_view raw, std::string& out) {
  for (const char c : raw) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) return quoted(raw) + " contains a control character";
  }
  out = raw;
  return {};
}

std::string setting_text(milliseconds value) {
  return quantity_text(static_cast<std::uint64_t>(value.count()), time_units);
}
std::string setting_text(Bytes value) { return quantity_text(value.value, size_units); }
std::string setting_text(Ratio value) {
  return std::to_string(std::lround(value.value * 100)) + "%";
}
std::string setting_text(Refresh value) {
  if (value.how == Refresh::How::off) return "off";
  return value.how == Refresh::How::xfetch ? "xfetch" : setting_text(value.share);
}
std::string setting_text(Share value) {
  std::string text = std::to_string(value.parts / 1'000);
  if (value.parts % 1'000 != 0) {
    text += '.' + std::to_string(1'000 + value.parts % 1'000).substr(1);
    while (text.back() == '0') text.pop_back();
  }
  return text + '%';
}
std::string setting_text(Count value) { return std::to_string(value.value); }
std::string setting_text(bool value) { return value ? "true" : "false"; }
std::string setting_text(const std::string& value) { return value; }

}  // namespace pannier::policies
