#include <algorithm>
#include <unordered_map>

#include "proxy/config_parts.hpp"

namespace pannier::proxy {
namespace {

using policies::quoted;
using protocol::KeyPattern;

/// The pattern without the names of its captures, which say nothing about the keys it matches.
std::string without_names(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    out += text[i];
    if (text[i] == '\\' && i + 1 < text.size()) {
      out += text[++i];
    } else if (text[i] == '{') {
      i = std::min(text.find('}', i), text.size()) - 1;
    }
  }
  return out;
}

/// Whether it is a literal beginning and `*`: such a pattern takes every key that begins so.
bool takes_all_after_prefix(const KeyPattern& pattern) {
  std::string_view text = pattern.text();
  if (pattern.is_literal() || !text.ends_with('*')) return false;
  while (text.ends_with('*')) text.remove_suffix(1);
  if (text.empty()) return true;
  const auto rest = KeyPattern::compile(text);
  return rest && rest->is_literal() && rest->prefix() == pattern.prefix();
}

using Seen = std::unordered_map<std::string, PlacedPattern>;

/// The earlier pattern that leaves nothing for `pattern`; null when there is none.
const PlacedPattern* covering(const KeyPattern& pattern, const Seen& same, const Seen& prefixes) {
  if (const auto found = same.find(without_names(pattern.text())); found != same.end()) {
    return &found->second;
  }
  for (std::size_t size = 0; size <= pattern.prefix().size(); ++size) {
    const auto found = prefixes.find(pattern.prefix().substr(0, size));
    if (found != prefixes.end()) return &found->second;
  }
  return nullptr;
}

}  // namespace

void check_reachable(const std::vector<PlacedPattern>& patterns, Findings& findings) {
  Seen same, prefixes;
  for (const PlacedPattern& placed : patterns) {
    const KeyPattern& pattern = *placed.pattern;
    if (const PlacedPattern* earlier = covering(pattern, same, prefixes)) {
      findings.error(placed.mark, "match: no key reaches " + quoted(pattern.text()) + ", because " +
                                      quoted(earlier->pattern->text()) + " in line " +
                                      std::to_string(earlier->mark.line) +
                                      " takes all of them; the first rule that matches wins");
    }
    same.try_emplace(without_names(pattern.text()), placed);
    if (takes_all_after_prefix(pattern)) prefixes.try_emplace(pattern.prefix(), placed);
  }
}

}  // namespace pannier::proxy
