#include "proxy/config_text.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdio>

namespace pannier::proxy {
namespace {

unsigned byte_at(std::string_view text, std::size_t at) {
  return at < text.size() ? static_cast<unsigned char>(text[at]) : 0;
}

/// Bytes of the UTF-8 character at `at`; 0 when it is none. Overlong forms, surrogates and what is
/// beyond U+10FFFF are none (RFC 3629).
std::size_t character_size(std::string_view text, std::size_t at) {
  const unsigned first = byte_at(text, at);
  if (first < 0x80) return 1;
  const std::size_t size = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  if (size == 0 || first > 0xf4) return 0;
  const unsigned second = byte_at(text, at + 1);
  const unsigned least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const unsigned most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (second < least || second > most) return 0;
  for (std::size_t i = 2; i < size; ++i) {
    const unsigned next = byte_at(text, at + i);
    if (next < 0x80 || next > 0xbf) return 0;
  }
  return size;
}

bool is_control(unsigned byte) {
  return (byte < 0x20 && byte != '\t' && byte != '\r' && byte != '\n') || byte == 0x7f;
}

/// What yaml-cpp says, and what its users have mostly done.
struct Hint {
  std::string_view message, hint;
};
constexpr Hint hints[] = {
    {"illegal map value", "a line is indented wrongly, or ': ' stands in a text without quotes"},
    {"end of map not found", "a line is indented wrongly, or a pattern with braces is not quoted"},
    {"end of sequence not found", "a line is indented wrongly"},
    {"end of map flow not found", "a brace is left open, or a pattern with braces is not quoted"},
    {"end of sequence flow not found", "a bracket is left open, or a pattern is not quoted"},
    {"illegal EOF in scalar", "a quote is left open"},
    {"unknown token", "a text that begins with @, ` or % needs quotes"},
};

/// Tabs in front of a line's text are the one YAML error that cannot be seen.
bool is_indented_by_tab(std::string_view text, int line) {
  for (int i = 1; i < line; ++i) text.remove_prefix(std::min(text.find('\n') + 1, text.size()));
  const auto indentation = text.substr(0, text.find_first_not_of(" \t"));
  return indentation.find('\t') != indentation.npos;
}

}  // namespace

std::optional<NotText> find_not_text(std::string_view text) {
  Mark mark;
  for (std::size_t i = 0; i < text.size();) {
    const unsigned byte = byte_at(text, i);
    const std::size_t size = character_size(text, i);
    if (size == 0 || is_control(byte)) {
      char hex[8];
      std::snprintf(hex, sizeof hex, "0x%02X", byte);
      return NotText{mark, "byte " + std::string(hex) + " is not text; a configuration is UTF-8"};
    }
    i += size;
    mark.column += static_cast<int>(size);
    if (byte == '\n') mark = {mark.line + 1, 1};
  }
  return std::nullopt;
}

std::string explained_yaml_error(std::string_view message, std::string_view text, int line) {
  if (message.starts_with("alias") || message.starts_with("the referenced anchor")) {
    return std::string(aliases_are_refused);
  }
  if (is_indented_by_tab(text, line)) return "a tab indents this line; YAML wants spaces";
  std::string sentence = "not YAML: " + std::string(message);
  for (const Hint& hint : hints) {
    if (message == hint.message) sentence.append(" (").append(hint.hint).append(")");
  }
  return sentence;
}

}  // namespace pannier::proxy
