#pragma once

#include <cstddef>
#include <string_view>

namespace pannier::protocol {

struct GlobClass {
  bool matches = false;
  bool closed = false;   ///< A `]` ends it; Redis lets the pattern's end do so, too.
  std::size_t size = 0;  ///< Bytes of the pattern that it takes.
};

/// Matches `c` against the class at the head of `pattern`, which begins with `[`: `[abc]`, `[a-z]`
/// (either way round), `[^a]`, `[\]]`. As in Redis `[]` matches nothing, `-` behind a byte always
/// makes a range, even one that ends in `]`, and the bytes of a range compare as signed.
inline GlobClass match_class(std::string_view pattern, char c) {
  std::size_t at = 1;
  const bool negated = at < pattern.size() && pattern[at] == '^';
  if (negated) ++at;
  bool found = false;
  bool closed = false;
  while (at < pattern.size() && !closed) {
    const std::size_t left = pattern.size() - at;
    if (pattern[at] == '\\' && left >= 2) {
      found |= pattern[at + 1] == c;
      at += 2;
    } else if (pattern[at] == ']') {
      closed = true;
      ++at;
    } else if (left >= 3 && pattern[at + 1] == '-') {
      const auto a = static_cast<signed char>(pattern[at]);
      const auto b = static_cast<signed char>(pattern[at + 2]);
      const auto byte = static_cast<signed char>(c);
      found |= a <= b ? a <= byte && byte <= b : b <= byte && byte <= a;
      at += 3;
    } else {
      found |= pattern[at] == c;
      ++at;
    }
  }
  return {found != negated, closed, at};
}

}  // namespace pannier::protocol
