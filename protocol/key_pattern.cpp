#include <algorithm>
#include <array>

#include "protocol/glob.hpp"
#include "protocol/glob_class.hpp"

namespace pannier::protocol {
namespace {

constexpr std::size_t max_wildcards = 16;

/// Positions in the key behind a wildcard from which the rest of the pattern is known to fail.
/// Whether it fails depends on nothing else, and each wildcard tries positions in one direction, so
/// one interval for each keeps matching from trying a position again and again.
struct Interval {
  std::size_t begin, end;

  bool contains(std::size_t at) const { return begin <= at && at < end; }
  void add(std::size_t from, std::size_t to) {
    const bool touches = from <= end && begin <= to && begin != end;
    begin = touches ? std::min(begin, from) : from;
    end = touches ? std::max(end, to) : to;
  }
};

bool is_name_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

}  // namespace

struct KeyPattern::Search {
  Search(std::string_view all, std::vector<std::string_view>& into, std::size_t wildcards)
      : key(all), captures(into) {
    std::fill_n(failed.begin(), wildcards, Interval{0, 0});
  }

  std::string_view key;
  std::vector<std::string_view>& captures;
  std::array<Interval, max_wildcards> failed;  ///< Of each wildcard.
};

bool KeyPattern::matches(std::string_view key, std::vector<std::string_view>& captures) const {
  captures.resize(names_.size());
  if (!key.starts_with(prefix_)) return false;
  if (is_literal_) return key.size() == prefix_.size();
  if (is_prefix_and_segment_) {
    captures[0] = key.substr(prefix_.size());
    return !captures[0].empty() && captures[0].find(':') == std::string_view::npos;
  }
  Search search(key, captures, wildcards_);
  return match_from(prefix_.empty() ? 0 : 1, prefix_.size(), search);
}

bool KeyPattern::match_from(std::size_t token, std::size_t at, Search& search) const {
  const std::string_view key = search.key;
  for (; token < tokens_.size(); ++token) {
    const Token& now = tokens_[token];
    switch (now.kind) {
      case Token::Kind::literal:
        if (!key.substr(at).starts_with(now.text)) return false;
        at += now.text.size();
        break;
      case Token::Kind::any_byte:
        if (at++ == key.size()) return false;
        break;
      case Token::Kind::one_of:
        if (at == key.size() || !match_class(now.text, key[at++]).matches) return false;
        break;
      case Token::Kind::any_run:
        return match_run(token, at, search);
      case Token::Kind::segment:
        return match_segment(token, at, search);
    }
  }
  return at == key.size();
}

bool KeyPattern::match_run(std::size_t token, std::size_t at, Search& search) const {
  if (token + 1 == tokens_.size()) return true;
  Interval& failed = search.failed[tokens_[token].wildcard];
  for (std::size_t end = at; end <= search.key.size() && !failed.contains(end); ++end) {
    if (match_from(token + 1, end, search)) return true;
  }
  failed.add(at, search.key.size() + 1);
  return false;
}

bool KeyPattern::match_segment(std::size_t token, std::size_t at, Search& search) const {
  const Token& now = tokens_[token];
  const std::size_t limit = std::min(search.key.find(':', at), search.key.size());
  std::string_view& capture = search.captures[now.capture];
  if (now.takes_whole) {
    capture = search.key.substr(at, limit - at);
    return limit > at && match_from(token + 1, limit, search);
  }
  Interval& failed = search.failed[now.wildcard];
  for (std::size_t end = limit; end > at;) {
    if (failed.contains(end)) {
      end = failed.begin - 1;
      continue;
    }
    capture = search.key.substr(at, end - at);
    if (match_from(token + 1, end, search)) return true;
    --end;
  }
  if (limit > at) failed.add(at + 1, limit + 1);
  return false;
}

/// Reads a pattern's text into tokens; one function for each kind of token.
class KeyPattern::Compiler {
 public:
  explicit Compiler(std::string_view text) : rest_(text) { pattern_.text_ = text; }

  boost::system::result<KeyPattern, std::string> run() {
    if (rest_.empty()) return std::string("an empty pattern matches no key");
    while (!rest_.empty() && error_.empty()) take_token();
    if (wildcards_ > max_wildcards && error_.empty()) {
      error_ = "more than " + std::to_string(max_wildcards) + " wildcards";
    }
    if (!error_.empty()) return error_;
    finish();
    return std::move(pattern_);
  }

 private:
  using Kind = Token::Kind;

  void take_token() {
    switch (rest_[0]) {
      case '*':
        if (last_kind() != Kind::any_run) add_wildcard(Kind::any_run);
        return rest_.remove_prefix(1);
      case '?':
        pattern_.tokens_.push_back({Kind::any_byte, {}});
        return rest_.remove_prefix(1);
      case '[':
        return take_class();
      case '{':
        return take_name();
      case '\\':
        if (rest_.size() > 1) rest_.remove_prefix(1);
        break;
      default:
        break;
    }
    if (last_kind() != Kind::literal) pattern_.tokens_.push_back({Kind::literal, {}});
    pattern_.tokens_.back().text += rest_[0];
    rest_.remove_prefix(1);
  }

  void take_class() {
    const GlobClass found = match_class(rest_, 0);
    if (!found.closed) {
      error_ = "'[' without ']'";
      return;
    }
    pattern_.tokens_.push_back({Kind::one_of, std::string(rest_.substr(0, found.size))});
    rest_.remove_prefix(found.size);
  }

  void take_name() {
    const std::size_t close = rest_.find('}');
    const std::string name(rest_.substr(1, close - 1));
    auto& names = pattern_.names_;
    if (close == std::string_view::npos) {
      error_ = "'{' without '}'; write \\{ for the brace itself";
    } else if (name.empty()) {
      error_ = "'{}' needs a name";
    } else if (!std::all_of(name.begin(), name.end(), is_name_byte)) {
      error_ = "the name in '{" + name + "}' may hold letters, digits and _ only";
    } else if (std::find(names.begin(), names.end(), name) != names.end()) {
      error_ = "'{" + name + "}' appears twice";
    } else if (last_kind() == Kind::segment) {
      error_ = "'{" + names.back() + "}{" + name + "}' needs something between the two";
    } else {
      add_wildcard(Kind::segment);
      pattern_.tokens_.back().capture = static_cast<std::uint8_t>(names.size());
      names.push_back(name);
      rest_.remove_prefix(close + 1);
    }
  }

  void add_wildcard(Kind kind) {
    pattern_.tokens_.push_back({kind, {}, static_cast<std::uint8_t>(wildcards_++ % 256)});
  }

  Kind last_kind() const {  // any_byte: something that nothing merges with
    return pattern_.tokens_.empty() ? Kind::any_byte : pattern_.tokens_.back().kind;
  }

  void finish() {
    auto& tokens = pattern_.tokens_;
    pattern_.wildcards_ = static_cast<std::uint8_t>(wildcards_);
    if (tokens[0].kind == Kind::literal) pattern_.prefix_ = tokens[0].text;
    pattern_.is_literal_ = tokens.size() == 1 && tokens[0].kind == Kind::literal;
    pattern_.is_prefix_and_segment_ = tokens.back().kind == Kind::segment &&
                                      tokens.size() == (pattern_.prefix_.empty() ? 1u : 2u);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const bool last = i + 1 == tokens.size();
      tokens[i].takes_whole =
          last || (tokens[i + 1].kind == Kind::literal && tokens[i + 1].text.starts_with(':'));
    }
  }

  std::string_view rest_;
  KeyPattern pattern_;
  std::size_t wildcards_ = 0;
  std::string error_;
};

boost::system::result<KeyPattern, std::string> KeyPattern::compile(std::string_view text) {
  return Compiler(text).run();
}

std::vector<std::string_view> KeyPattern::beginning() const {
  std::vector<std::string_view> parts;
  for (const Token& token : tokens_) {
    const bool is_segment = token.kind == Token::Kind::segment && token.takes_whole;
    if (token.kind != Token::Kind::literal && !is_segment) break;
    parts.emplace_back(is_segment ? std::string_view() : token.text);
  }
  return parts;
}

std::string KeyPattern::as_glob() const {
  std::string glob;
  for (const Token& token : tokens_) {
    switch (token.kind) {
      case Token::Kind::literal:
        glob += glob_escaped(token.text);
        break;
      case Token::Kind::any_byte:
        glob += '?';
        break;
      case Token::Kind::one_of:
        glob += token.text;
        break;
      case Token::Kind::any_run:
      case Token::Kind::segment:
        if (!glob.ends_with('*') || glob.ends_with("\\*")) glob += '*';
        break;
    }
  }
  return glob;
}

}  // namespace pannier::protocol
