#include "tests/support/reply_text.hpp"

#include "protocol/reply.hpp"

namespace pannier::tests {

namespace {

std::string quoted(std::string_view bytes) {
  std::string text = "\"";
  for (const char byte : bytes) {
    constexpr char digits[] = "0123456789abcdef";
    const auto value = static_cast<unsigned char>(byte);
    if (byte == '"' || byte == '\\') {
      text += '\\';
      text += byte;
    } else if (byte == '\r') {
      text += "\\r";
    } else if (byte == '\n') {
      text += "\\n";
    } else if (value < 0x20 || value > 0x7e) {
      text += "\\x";
      text += digits[value / 16];
      text += digits[value % 16];
    } else {
      text += byte;
    }
  }
  return text + '"';
}

std::string next_text(protocol::ReplyReader& reader) {
  const auto view = reader.next();
  if (view.null) return "nil";
  switch (view.kind) {
    case '$':
    case '=':
      return quoted(view.text);
    case '+':
      return std::string(view.text);
    case '!':
      return '-' + std::string(view.text);
    case '*':
    case '~':
    case '>':
    case '%':
      break;
    default:
      return view.kind + std::string(view.text);
  }
  std::string text = view.kind == '%' ? "{" : "[";
  for (std::int64_t i = 0; i < view.number; ++i) text += (i > 0 ? " " : "") + next_text(reader);
  return text + (view.kind == '%' ? '}' : ']');
}

/// Where the item that begins at `at` ends: behind its bracket, its quote, or before a blank.
std::size_t end_of(std::string_view line, std::size_t at) {
  if (line[at] == '-') return line.size();
  int depth = 0;
  bool is_quoted = false;
  for (; at < line.size(); ++at) {
    const char byte = line[at];
    if (is_quoted && byte == '\\') {
      ++at;
    } else if (byte == '"') {
      is_quoted = !is_quoted;
    } else if (!is_quoted) {
      depth += (byte == '[' || byte == '{') - (byte == ']' || byte == '}');
      if (byte == ' ' && depth == 0) return at;
    }
  }
  return at;
}

bool in_range(std::string_view expected, std::string_view text) {
  const auto dots = expected.find("..");
  if (!expected.starts_with(':') || dots == expected.npos || !text.starts_with(':')) return false;
  const auto low = protocol::to_integer(expected.substr(1, dots - 1));
  const auto high = protocol::to_integer(expected.substr(dots + 2));
  const auto value = protocol::to_integer(text.substr(1));
  return low && high && value && *low <= *value && *value <= *high;
}

}  // namespace

std::string take_reply_text(std::string_view& bytes) {
  protocol::ReplyReader reader(bytes);
  auto text = next_text(reader);
  bytes = reader.rest();
  return text;
}

std::vector<std::string> split_replies(std::string_view line) {
  std::vector<std::string> items;
  for (std::size_t at = 0; (at = line.find_first_not_of(' ', at)) != line.npos;) {
    const auto end = end_of(line, at);
    items.emplace_back(line.substr(at, end - at));
    at = end;
  }
  return items;
}

bool reply_matches(std::string_view expected, std::string_view text) {
  if (in_range(expected, text)) return true;
  const auto gap = expected.find("...");
  if (gap == expected.npos) return expected == text;
  if (!text.starts_with(expected.substr(0, gap))) return false;
  const auto behind = expected.substr(gap + 3);
  for (auto at = gap; at <= text.size(); ++at) {
    if (reply_matches(behind, text.substr(at))) return true;
  }
  return false;
}

std::string reply_bytes(std::string_view text) {
  std::string bytes;
  if (text == "nil") return "_\r\n";
  if (text.starts_with('"')) {
    protocol::append_bulk(bytes, text.substr(1, text.size() - 2));
  } else if (text.starts_with('-') || text.starts_with(':')) {
    bytes = std::string(text) + "\r\n";
  } else {
    protocol::append_simple(bytes, text);
  }
  return bytes;
}

}  // namespace pannier::tests
