#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace pannier::protocol {

/// A length line's number and where its CR LF ends.
struct Length {
  std::uint64_t value = 0;
  const char* next = nullptr;  ///< Null when no canonical length stands there whole.
};

/// Reads the number and CR LF at `at`: digits only, no leading zero, at most ten of them.
inline Length take_length(const char* at, const char* end) {
  constexpr std::ptrdiff_t max_digits = 10;
  const char* const first = at;
  std::uint64_t value = 0;
  while (at != end && static_cast<unsigned>(*at - '0') < 10u && at - first < max_digits) {
    value = value * 10 + static_cast<std::uint64_t>(*at++ - '0');
  }
  if (at == first || (*first == '0' && at - first > 1)) return {};
  if (end - at < 2 || at[0] != '\r' || at[1] != '\n') return {};
  return {value, at + 2};
}

/// The first CR in the `size` bytes at `at`; null when there is none.
inline const char* find_cr(const char* at, std::size_t size) {
  return size == 0 ? nullptr : static_cast<const char*>(std::memchr(at, '\r', size));
}

}  // namespace pannier::protocol
