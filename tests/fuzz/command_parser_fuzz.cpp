// A client stream means the same in one piece and in many, and what is handed out is canonical.

#include "check.hpp"
#include "tests/protocol/parsing.hpp"

using namespace pannier::protocol;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view stream = as_text(data + 1, size - 1);
  Limits limits;
  if (data[0] & 1) limits = {.request_bytes = 200, .arguments = 8, .inline_bytes = 40};

  const Parsed whole = parse_whole(stream, limits);
  check(whole.error != "wire is not canonical");
  check(whole.unread <= stream.size());

  Feed feed(limits);
  Pieces pieces(data[0]);
  for (std::string_view rest = stream; !rest.empty();) {
    const std::size_t piece = pieces.next(rest.size());
    feed.add(rest.substr(0, piece));
    rest.remove_prefix(piece);
  }
  check(feed.parsed() == whole);

  for (const std::string& command : whole.commands) {
    const Parsed again = parse_whole(command);
    check(again.error.empty() && again.commands.size() == 1 && again.commands[0] == command);
  }
  return 0;
}
