#include "protocol/glob.hpp"

#include "protocol/glob_class.hpp"

namespace pannier::protocol {
namespace {

/// Matches the one element (not a star) at the head of `pattern` against `c`, and takes it off.
bool take_one(std::string_view& pattern, char c) {
  switch (pattern[0]) {
    case '?':
      pattern.remove_prefix(1);
      return true;
    case '[': {
      const GlobClass found = match_class(pattern, c);
      pattern.remove_prefix(found.size);
      return found.matches;
    }
    case '\\':
      if (pattern.size() > 1) pattern.remove_prefix(1);
      break;
    default:
      break;
  }
  const bool same = pattern[0] == c;
  pattern.remove_prefix(1);
  return same;
}

}  // namespace

bool glob_matches(std::string_view pattern, std::string_view text) {
  // Redis's loop never looks at the pattern when the text is empty; only KEYS knows a lone star.
  if (text.empty()) return pattern.empty() || pattern == "*";
  std::string_view after_star, retry_at;  // Both empty before the first star.
  while (!text.empty()) {
    if (!pattern.empty() && pattern[0] == '*') {
      pattern.remove_prefix(1);
      if (pattern.empty()) return true;
      after_star = pattern;
      retry_at = text;
    } else if (!pattern.empty() && take_one(pattern, text[0])) {
      text.remove_prefix(1);
    } else if (retry_at.size() > 1) {
      retry_at.remove_prefix(1);
      pattern = after_star;
      text = retry_at;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*') == std::string_view::npos;
}

std::string glob_escaped(std::string_view literal) {
  std::string escaped;
  for (const char c : literal) {
    if (c == '*' || c == '?' || c == '[' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

}  // namespace pannier::protocol
