#include "proxy/config_text.hpp"

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

}  // namespace pannier::proxy
