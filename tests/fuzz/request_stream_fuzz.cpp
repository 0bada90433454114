// A request that is followed while it passes ends where CommandParser says, or fails as it does.

#include "check.hpp"
#include "protocol/request_stream.hpp"
#include "tests/protocol/parsing.hpp"

using namespace pannier::protocol;

namespace {

/// The parser looks at both bytes of a line end at once, so it may need one more to fail.
bool fails(const std::string& bytes, const Limits& limits) {
  CommandParser parser(limits);
  Command command;
  return parser.parse(bytes, command).status == CommandParser::Status::failed;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  Limits limits;
  if (data[0] & 1) limits = {.request_bytes = 100, .arguments = 8, .inline_bytes = 64};
  // Behind a line end neither has anything left to wait for in a line.
  const std::string all = std::string(as_text(data + 2, size - 2)) + "\r\n";
  const std::size_t cut = 1 + data[1] % all.size();

  CommandParser parser(limits);
  Command command;
  const std::string_view begun = std::string_view(all).substr(0, cut);
  if (parser.parse(begun, command).status != CommandParser::Status::incomplete) return 0;
  const auto found = parser.unfinished(begun);
  if (!found) return 0;

  RequestStream stream(found->payload, found->following, cut, limits);
  Pieces pieces(data[0]);
  std::size_t end = cut;
  while (stream.status() == RequestStream::Status::more && end < all.size()) {
    const std::string_view piece = std::string_view(all).substr(end, pieces.next(all.size() - end));
    const std::size_t taken = stream.feed(piece);
    check(taken == piece.size() || stream.status() != RequestStream::Status::more);
    end += taken;
  }
  CommandParser whole(limits);
  const auto step = whole.parse(all, command);
  switch (stream.status()) {
    case RequestStream::Status::complete:
      check(step.status == CommandParser::Status::complete && step.consumed == end);
      break;
    case RequestStream::Status::failed:
      check(fails(all, limits) || fails(all + "\r\n", limits));
      break;
    case RequestStream::Status::more:
      check(step.status == CommandParser::Status::incomplete);
  }
  return 0;
}
