// Globs and key patterns against a matcher that tries everything and remembers what failed.
// The input is a pattern and a text with a NUL between them.

#include <set>
#include <string>
#include <utility>

#include "check.hpp"
#include "protocol/glob.hpp"
#include "protocol/glob_class.hpp"

using namespace pannier::protocol;

namespace {

class Reference {
 public:
  Reference(std::string_view pattern, std::string_view text, bool names)
      : pattern_(pattern), text_(text), names_(names) {}

  std::vector<std::string_view> captures;

  bool match(std::size_t p, std::size_t t) {
    if (failed_.contains({p, t})) return false;
    if (try_match(p, t)) return true;
    failed_.insert({p, t});
    return false;
  }

 private:
  bool try_match(std::size_t p, std::size_t t) {
    if (p == pattern_.size()) return t == text_.size();
    const char c = pattern_[p];
    if (c == '*') return match(p + 1, t) || (t < text_.size() && match(p, t + 1));
    if (c == '{' && names_) return match_name(pattern_.find('}', p) + 1, t);
    if (t == text_.size()) return false;
    if (c == '?') return match(p + 1, t + 1);
    if (c == '[') {
      const GlobClass found = match_class(pattern_.substr(p), text_[t]);
      return found.matches && match(p + found.size, t + 1);
    }
    const std::size_t literal = c == '\\' && p + 1 < pattern_.size() ? p + 1 : p;
    return pattern_[literal] == text_[t] && match(literal + 1, t + 1);
  }

  bool match_name(std::size_t p, std::size_t t) {
    std::size_t end = std::min(text_.find(':', t), text_.size());
    for (; end > t; --end) {
      captures.push_back(text_.substr(t, end - t));
      if (match(p, end)) return true;
      captures.pop_back();
    }
    return false;
  }

  std::string_view pattern_, text_;
  bool names_;
  std::set<std::pair<std::size_t, std::size_t>> failed_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input = as_text(data, size);
  const std::size_t middle = input.find('\0');
  if (middle == std::string_view::npos || size > 300) return 0;
  const std::string_view pattern = input.substr(0, middle);
  const std::string_view text = input.substr(middle + 1);

  if (!text.empty()) {
    Reference reference(pattern, text, false);
    check(glob_matches(pattern, text) == reference.match(0, 0));
  }
  check(glob_matches(glob_escaped(text), text));

  const auto compiled = KeyPattern::compile(pattern);
  if (!compiled) return 0;
  std::vector<std::string_view> captures;
  const bool matches = compiled->matches(text, captures);
  Reference reference(pattern, text, true);
  check(matches == reference.match(0, 0));
  if (!matches) return 0;
  check(captures == reference.captures);
  check(text.starts_with(compiled->prefix()));
  check(!compiled->is_literal() || text == compiled->prefix());
  check(text.empty() || glob_matches(compiled->as_glob(), text));
  return 0;
}
