#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/errc.hpp"

namespace pannier::protocol {

/// Redis's own glob (`*`, `?`, `[a-z]`, `[^a]`, `\x`), as in KEYS and SCAN MATCH. Linear in
/// practice: after a `*` only the last star is ever tried again. As in Redis `**` does not match
/// the empty text, which only `*` and the empty pattern do.
bool glob_matches(std::string_view pattern, std::string_view text);

/// Puts a backslash before every byte that glob_matches would treat specially.
std::string glob_escaped(std::string_view literal);

/// A key pattern of a rule: a glob in which `{name}` captures one segment (one byte or more, no
/// `:`). Compiled once, matched without allocation. `\{` is a literal brace. `*` takes as little as
/// it can. At most 16 `*` and `{name}`.
class KeyPattern {
 public:
  /// \returns the compiled pattern, or a sentence that says what is wrong with it.
  static boost::system::result<KeyPattern, std::string> compile(std::string_view text);

  /// Whether the whole key matches. Fills `captures` (resized to names().size()) with views into
  /// `key`. A `{name}` takes as much as it can and gives back what the rest needs.
  bool matches(std::string_view key, std::vector<std::string_view>& captures) const;

  const std::string& text() const { return text_; }
  const std::vector<std::string>& names() const { return names_; }  ///< In order; no name twice.
  /// What every matching key begins with; the whole key where is_literal().
  const std::string& prefix() const { return prefix_; }
  bool is_literal() const { return is_literal_; }
  /// The parts it begins with that say where they end: literal bytes, and as an empty text a
  /// `{name}` that takes a whole segment. Of `a:{x}:b*` these are `a:`, an empty one, and `:b`.
  std::vector<std::string_view> beginning() const;
  /// The same pattern for SCAN MATCH: every `{name}` becomes `*`.
  std::string as_glob() const;

 private:
  struct Token {
    enum class Kind : std::uint8_t { literal, any_byte, one_of, any_run, segment } kind;
    std::string text;           ///< literal: its bytes; one_of: the class as written.
    std::uint8_t wildcard = 0;  ///< any_run, segment: which one of those it is.
    std::uint8_t capture = 0;   ///< segment: which name it fills.
    bool takes_whole = false;   ///< segment: what follows can only match at a `:` or the end.
  };
  struct Search;
  class Compiler;
  bool match_from(std::size_t token, std::size_t at, Search& search) const;
  bool match_run(std::size_t token, std::size_t at, Search& search) const;
  bool match_segment(std::size_t token, std::size_t at, Search& search) const;

  std::string text_, prefix_;
  std::vector<std::string> names_;
  std::vector<Token> tokens_;
  std::uint8_t wildcards_ = 0;  ///< Tokens that are any_run or segment.
  bool is_literal_ = false;
  bool is_prefix_and_segment_ = false;  ///< As most are: `user:{id}`.
};

}  // namespace pannier::protocol
