// Commands that count.

#include <cctype>
#include <cerrno>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string>
#include <utility>

#include "policies/memory_commands.hpp"

namespace pannier::policies::memory_commands {
namespace {

/// More than the 4,933 digits a long double has, and Redis's own limit.
constexpr std::size_t max_float_text = 5 * 1024;

void add(MemoryCall& call, std::int64_t delta) {
  const std::string_view key = call.arg(1);
  MemoryCall::Entry* const entry = call.use(key);
  std::int64_t value = 0;
  if (entry) {
    const auto old = call.integer_of(entry->value);
    if (!old) return;
    value = *old;
  }
  if (__builtin_add_overflow(value, delta, &value)) {
    return call.error("ERR increment or decrement would overflow");
  }
  const std::string text = std::to_string(value);
  if (!call.admits(key, text.size())) return;
  call.store(entry, key, text, entry ? entry->expires_at : MemoryTable::never);
  call.integer(value);
}

/// Reads what Redis reads: all that strtold does (`1e3`, `0x10`, `inf`) but spaces and `nan`.
/// Answers the error where it returns nothing.
std::optional<long double> float_of(MemoryCall& call, std::string_view text) {
  const std::string copy(text);
  char* end = nullptr;
  errno = 0;
  const long double value = std::strtold(copy.c_str(), &end);
  const bool whole = end == copy.c_str() + copy.size() && !copy.empty() &&
                     copy.size() < max_float_text &&
                     !std::isspace(static_cast<unsigned char>(copy[0]));
  const bool lost = errno == ERANGE && (std::isinf(value) || std::fpclassify(value) == FP_ZERO);
  if (whole && !lost && !std::isnan(value)) return value;
  call.error("ERR value is not a valid float");
  return std::nullopt;
}

/// Seventeen digits behind the point, without the zeros at the end.
std::string float_text(long double value) {
  char buffer[max_float_text];
  const int size = std::snprintf(buffer, sizeof buffer, "%.17Lf", value);
  std::string_view text(buffer, static_cast<std::size_t>(size));
  text = text.substr(0, text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.remove_suffix(1);
  return std::string(text == "-0" ? "0" : text);
}

}  // namespace

void incr(MemoryCall& call) { add(call, 1); }
void decr(MemoryCall& call) { add(call, -1); }

void incrby(MemoryCall& call) {
  if (const auto delta = call.integer_of(call.arg(2))) add(call, *delta);
}

void decrby(MemoryCall& call) {
  const auto delta = call.integer_of(call.arg(2));
  if (!delta) return;
  if (*delta == std::numeric_limits<std::int64_t>::min()) {
    return call.error("ERR decrement would overflow");
  }
  add(call, -*delta);
}

void incrbyfloat(MemoryCall& call) {
  const std::string_view key = call.arg(1);
  MemoryCall::Entry* const entry = call.use(key);
  const auto old = entry ? float_of(call, entry->value) : 0.0L;
  if (!old) return;
  const auto delta = float_of(call, call.arg(2));
  if (!delta) return;
  const long double value = *old + *delta;
  if (!std::isfinite(value)) return call.error("ERR increment would produce NaN or Infinity");
  std::string text = float_text(value);
  if (!call.admits(key, text.size())) return;
  call.bulk(text);
  call.store(entry, key, std::move(text), entry ? entry->expires_at : MemoryTable::never);
}

}  // namespace pannier::policies::memory_commands
