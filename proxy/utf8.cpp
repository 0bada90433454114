#include "proxy/utf8.hpp"

#include <cstdint>

namespace pannier::proxy {

namespace {

struct Shape {
  std::size_t size;       ///< Bytes of the sequence; 0: none begins so.
  std::uint32_t payload;  ///< The lead byte's bits of the code point.
  std::uint32_t least;    ///< Less than this would have had a shorter form.
};

constexpr Shape shape_of(unsigned char lead) {
  if (lead < 0x80) return {1, lead, 0};
  if ((lead & 0xE0) == 0xC0) return {2, lead & 0x1Fu, 0x80};
  if ((lead & 0xF0) == 0xE0) return {3, lead & 0x0Fu, 0x800};
  if ((lead & 0xF8) == 0xF0) return {4, lead & 0x07u, 0x10000};
  return {0, 0, 0};
}

/// The size of the valid sequence that `bytes` begin with, or 0.
std::size_t sequence(std::string_view bytes) {
  const auto shape = shape_of(static_cast<unsigned char>(bytes[0]));
  if (shape.size == 0 || shape.size > bytes.size()) return 0;
  auto point = shape.payload;
  for (std::size_t i = 1; i < shape.size; ++i) {
    const auto next = static_cast<unsigned char>(bytes[i]);
    if ((next & 0xC0) != 0x80) return 0;
    point = point << 6 | (next & 0x3Fu);
  }
  const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
  return point < shape.least || point > 0x10FFFF || surrogate ? 0 : shape.size;
}

}  // namespace

std::string valid_utf8(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size());
  while (!bytes.empty()) {
    const auto size = sequence(bytes);
    if (size == 0) {
      text += "\xEF\xBF\xBD";
    } else {
      text += bytes.substr(0, size);
    }
    bytes.remove_prefix(size == 0 ? 1 : size);
  }
  return text;
}

}  // namespace pannier::proxy
