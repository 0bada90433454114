#include "policies/tag_names.hpp"

#include <xxhash.h>

#include <algorithm>
#include <cstdint>

namespace pannier::policies {

namespace {

constexpr std::size_t longest = 256, kept = 200;
constexpr std::string_view digits = "0123456789ABCDEF";

bool stays(char byte) {
  return byte > ' ' && byte <= '~' && byte != '{' && byte != '}' && byte != '"' && byte != '\'';
}

void append_hex(std::string& out, std::uint64_t number) {
  for (int shift = 60; shift >= 0; shift -= 4) out += digits[(number >> shift) & 15];
}

}  // namespace

bool is_tag_name(std::string_view tag) {
  return tag.size() <= longest && std::all_of(tag.begin(), tag.end(), stays);
}

std::string tag_name(std::string_view tag) {
  if (is_tag_name(tag)) return std::string(tag);
  std::string name;
  for (const char byte : tag) {
    if (name.size() > longest) break;
    if (stays(byte)) {
      name += byte;
      continue;
    }
    const auto value = static_cast<unsigned char>(byte);
    (name += '%') += digits[value >> 4];
    name += digits[value & 15];
  }
  if (name.size() <= longest) return name;
  name.resize(kept);
  const auto hash = XXH3_128bits(tag.data(), tag.size());
  name += '~';
  append_hex(name, hash.high64);
  append_hex(name, hash.low64);
  return name;
}

}  // namespace pannier::policies
