#include "proxy/config_json.hpp"

namespace pannier::proxy {
namespace {

std::size_t digits(std::string_view text, std::size_t from) {
  while (from < text.size() && text[from] >= '0' && text[from] <= '9') ++from;
  return from;
}

/// As RFC 8259 has it: no leading zero, no `+`, a digit on either side of the point.
bool is_json_number(std::string_view text) {
  std::size_t at = text.starts_with('-') ? 1 : 0;
  auto end = digits(text, at);
  if (end == at || (text[at] == '0' && end > at + 1)) return false;
  at = end;
  if (at < text.size() && text[at] == '.') {
    end = digits(text, at + 1);
    if (end == at + 1) return false;
    at = end;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    const auto sign = at + 1 < text.size() && (text[at + 1] == '+' || text[at + 1] == '-');
    const auto begin = at + (sign ? 2 : 1);
    end = digits(text, begin);
    if (end == begin) return false;
    at = end;
  }
  return at == text.size();
}

void append_text(std::string& out, std::string_view text) {
  constexpr std::string_view hex = "0123456789abcdef";
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.append({'\\', c});
    } else if (byte < 0x20) {
      out.append("\\u00").append({hex[byte >> 4], hex[byte & 15]});
    } else {
      out += c;
    }
  }
  out += '"';
}

void append(std::string& out, const ConfigNode& node) {
  switch (node.kind) {
    case ConfigNode::Kind::nothing:
      out += "null";
      return;
    case ConfigNode::Kind::scalar: {
      const auto& text = node.text;
      const bool is_word = text == "true" || text == "false" || text == "null";
      if (!node.is_quoted && (is_word || is_json_number(text))) {
        out += text;
      } else {
        append_text(out, text);
      }
      return;
    }
    case ConfigNode::Kind::list:
      out += '[';
      for (std::size_t i = 0; i < node.items.size(); ++i) {
        if (i > 0) out += ", ";
        append(out, node.items[i]);
      }
      out += ']';
      return;
    case ConfigNode::Kind::map:
      out += '{';
      for (std::size_t i = 0; i < node.entries.size(); ++i) {
        if (i > 0) out += ", ";
        append_text(out, node.entries[i].key);
        out += ": ";
        append(out, node.entries[i].value);
      }
      out += '}';
      return;
  }
}

}  // namespace

std::string json_of(const ConfigNode& node) {
  std::string out;
  append(out, node);
  return out;
}

}  // namespace pannier::proxy
