#include <charconv>
#include <cmath>
#include <initializer_list>

#include "protocol/reply.hpp"

namespace pannier::protocol {
namespace {

template <class Number>
void append_header(std::string& out, char type, Number value) {
  char buffer[24];
  buffer[0] = type;
  char* const end = std::to_chars(buffer + 1, buffer + sizeof buffer - 2, value).ptr;
  end[0] = '\r';
  end[1] = '\n';
  out.append(buffer, static_cast<std::size_t>(end + 2 - buffer));
}

}  // namespace

void append_simple(std::string& out, std::string_view text) {
  out += '+';
  out += text;
  out += "\r\n";
}

void append_error(std::string& out, std::string_view text) {
  out += '-';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7f ? ' ' : c;
  }
  out += "\r\n";
}

void append_integer(std::string& out, std::int64_t value) { append_header(out, ':', value); }

void append_bulk(std::string& out, std::string_view bytes) {
  append_header(out, '$', bytes.size());
  out += bytes;
  out += "\r\n";
}

void append_null(std::string& out, Resp resp) { out += resp == Resp::v3 ? "_\r\n" : "$-1\r\n"; }

std::string error_reply(std::string_view text) {
  std::string out;
  append_error(out, text);
  return out;
}

std::string integer_reply(std::int64_t value) {
  std::string out;
  append_integer(out, value);
  return out;
}

void append_verbatim(std::string& out, std::string_view text, Resp resp) {
  if (resp == Resp::v2) return append_bulk(out, text);
  out += '=';
  out += std::to_string(text.size() + 4);
  out += "\r\ntxt:";
  out += text;
  out += "\r\n";
}

void append_null_array(std::string& out, Resp resp) {
  out += resp == Resp::v3 ? "_\r\n" : "*-1\r\n";
}

void append_array(std::string& out, std::size_t elements) { append_header(out, '*', elements); }

void append_map(std::string& out, std::size_t pairs, Resp resp) {
  if (resp == Resp::v3) {
    append_header(out, '%', pairs);
  } else {
    append_header(out, '*', pairs * 2);
  }
}

void append_set(std::string& out, std::size_t elements, Resp resp) {
  append_header(out, resp == Resp::v3 ? '~' : '*', elements);
}

void append_double(std::string& out, double value, Resp resp) {
  char buffer[32];
  const char* const end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
  if (std::isnan(value)) text = "nan";
  if (resp == Resp::v2) return append_bulk(out, text);
  out += ',';
  out += text;
  out += "\r\n";
}

void append_boolean(std::string& out, bool value, Resp resp) {
  if (resp == Resp::v2) return append_integer(out, value);
  out += value ? "#t\r\n" : "#f\r\n";
}

void append_command(std::string& out, std::initializer_list<std::string_view> args) {
  append_command(out, args.size());
  for (const std::string_view arg : args) append_bulk(out, arg);
}

}  // namespace pannier::protocol
