#include "protocol/inline_command.hpp"

namespace pannier::protocol {
namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// What ends a word outside quotes. Redis has a narrower idea here than between words.
bool ends_word(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char unescaped(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

/// Takes what one backslash of a double-quoted string stands for off `rest`.
char take_escape(std::string_view& rest) {
  if (rest.size() >= 4 && rest[1] == 'x' && hex_value(rest[2]) >= 0 && hex_value(rest[3]) >= 0) {
    const int value = hex_value(rest[2]) * 16 + hex_value(rest[3]);
    rest.remove_prefix(4);
    return static_cast<char>(value);
  }
  const char c = unescaped(rest[1]);
  rest.remove_prefix(2);
  return c;
}

/// Takes a quoted string, whose opening quote is gone already, and its closing quote off `rest`.
bool take_quoted(char quote, std::string_view& rest, std::string& bytes) {
  while (!rest.empty()) {
    if (rest[0] == quote) {
      rest.remove_prefix(1);
      return rest.empty() || is_space(rest[0]);
    }
    const bool escape = rest[0] == '\\' && rest.size() > 1;
    if (escape && quote == '"') {
      bytes += take_escape(rest);
    } else if (escape && rest[1] == '\'') {
      bytes += '\'';
      rest.remove_prefix(2);
    } else {
      bytes += rest[0];
      rest.remove_prefix(1);
    }
  }
  return false;
}

/// Takes one word off `rest`. A closing quote ends it.
bool take_word(std::string_view& rest, std::string& bytes) {
  while (!rest.empty() && !ends_word(rest[0])) {
    const char c = rest[0];
    rest.remove_prefix(1);
    if (c == '"' || c == '\'') return take_quoted(c, rest, bytes);
    bytes += c;
  }
  return true;
}

}  // namespace

Result<void> split_inline(std::string_view line, std::string& bytes, std::vector<Slice>& slices) {
  if (line.find('\0') != std::string_view::npos) return Errc::invalid_inline_character;
  for (std::string_view rest = line;;) {
    while (!rest.empty() && is_space(rest[0])) rest.remove_prefix(1);
    if (rest.empty()) return {};
    const std::size_t begin = bytes.size();
    if (!take_word(rest, bytes)) return Errc::unbalanced_quotes;
    slices.push_back({begin, bytes.size() - begin});
  }
}

}  // namespace pannier::protocol
