#include "policies/spelling.hpp"

#include <algorithm>
#include <cstddef>

namespace pannier::policies {
namespace {

constexpr std::size_t shown_bytes = 60;
constexpr std::size_t longest_word = 64;  // Longer ones are no typing errors, and cost n * m.

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

/// The beginning of a name, as `warn` of `warning`, is nearly the name.
bool abbreviates(std::string_view word, std::string_view name) {
  return word.size() >= 3 && name.starts_with(word);
}

/// Letters to insert, remove, replace or swap with their neighbour (optimal string alignment).
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before, last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1;
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + replaced});
      const bool swapped = i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                           lower(a[i - 2]) == lower(b[j - 1]);
      if (swapped) row[j] = std::min(row[j], before[j - 2] + 1);
    }
    before = last;
    last = row;
  }
  return last[b.size()];
}

}  // namespace

std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text.substr(0, shown_bytes)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7f ? '?' : c;
  }
  out += text.size() > shown_bytes ? "...'" : "'";
  return out;
}

std::string_view nearest_name(std::string_view word, const std::vector<std::string_view>& names) {
  if (word.size() > longest_word) return {};
  std::size_t best = std::max<std::size_t>(1, word.size() / 3) + 1;
  std::string_view nearest;
  for (const std::string_view name : names) {
    if (name.size() > longest_word) continue;
    const std::size_t wrong = abbreviates(word, name) ? 1 : distance(word, name);
    if (wrong >= best || wrong >= name.size()) continue;
    best = wrong;
    nearest = name;
  }
  return nearest;
}

std::string suggestion(std::string_view word, const std::vector<std::string_view>& names) {
  if (const auto nearest = nearest_name(word, names); !nearest.empty()) {
    return " (did you mean " + quoted(nearest) + "?)";
  }
  std::string list;
  for (const std::string_view name : names) {
    list += list.empty() ? " (known: " : ", ";
    list += name;
  }
  return list.empty() ? list : list + ")";
}

}  // namespace pannier::policies
