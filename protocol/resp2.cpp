#include "protocol/reply.hpp"

namespace pannier::protocol {
namespace {

bool is_same(char kind) {
  return kind == '$' || kind == '*' || kind == ':' || kind == '+' || kind == '-';
}

/// Appends what a RESP2 server sends for a scalar, or the header of an aggregate, of RESP3 only.
void append_changed(std::string& out, const ReplyView& view) {
  switch (view.kind) {
    case '_':
      return append_null(out, Resp::v2);
    case '#':
      return append_boolean(out, view.text == "t", Resp::v2);
    case '!':
      return append_error(out, view.text);
    case '%':
    case '~':
    case '>':
      return append_array(out, static_cast<std::size_t>(view.number));
    default:  // , ( =
      return append_bulk(out, view.text);
  }
}

}  // namespace

void append_as_resp2(std::string& out, std::string_view reply) {
  // Each element is rewritten on its own, so depth costs nothing; runs of elements that stay the
  // same are copied at once.
  ReplyReader reader(reply);
  std::string_view same = reply;
  const auto copy_same = [&](std::string_view behind) {
    out += same.substr(0, same.size() - behind.size());
  };
  while (!reader.done()) {
    const std::string_view before = reader.rest();
    reader.skip_attributes();
    const std::string_view element = reader.rest();
    if (element.size() != before.size()) {
      copy_same(before);
      same = element;
    }
    const ReplyView view = reader.next();
    if (is_same(view.kind)) continue;
    copy_same(element);
    append_changed(out, view);
    same = reader.rest();
  }
  out += same;
}

}  // namespace pannier::protocol
