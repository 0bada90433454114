// A large request is followed to its end while it passes, as strictly as CommandParser would.

#include "protocol/request_stream.hpp"

#include <doctest/doctest.h>

#include "parsing.hpp"

using namespace pannier::protocol;
using namespace std::string_literals;

namespace {

using Status = RequestStream::Status;

/// What is left to follow when a client has sent this much of a request.
const std::string begun = "*5\r\n$3\r\nSET\r\n$1\r\nk\r\n$6\r\nab";
constexpr std::size_t payload = 4, following = 2;

struct Followed {
  Status status = Status::more;
  std::size_t taken = 0;
  Errc error{};
  bool operator==(const Followed&) const = default;
};

/// Feeds `pieces` as one after the other.
Followed follow(std::initializer_list<std::string_view> pieces,
                const Limits& limits = Feed::defaults()) {
  RequestStream stream(payload, following, begun.size(), limits);
  std::size_t taken = 0;
  for (const auto piece : pieces) {
    if (stream.status() == Status::more) taken += stream.feed(piece);
  }
  // How much of a bad line was looked at does not matter: the connection ends.
  if (stream.status() == Status::failed) taken = 0;
  return {stream.status(), taken, stream.error()};
}

Errc error_of(std::string_view rest) {
  const auto followed = follow({rest});
  REQUIRE(followed.status == Status::failed);
  // Whatever it is, CommandParser accepts it neither.
  CHECK(parse_whole(begun + std::string(rest) + "\r\n").error != "");
  return followed.error;
}

}  // namespace

TEST_CASE("a streamed request ends where its last argument does, and takes nothing behind it") {
  const std::string rest = "cdef\r\n$0\r\n\r\n$2\r\n\r\n\r\n";
  CHECK(follow({rest}) == Followed{Status::complete, rest.size()});
  CHECK(follow({rest + "*1\r\n$4\r\nPING\r\n"}) == Followed{Status::complete, rest.size()});
  for (std::size_t size = 0; size < rest.size(); ++size) {
    CHECK(follow({std::string_view(rest).substr(0, size)}) == Followed{Status::more, size});
  }
}

TEST_CASE("a streamed request cut in three at any bytes ends in the same way") {
  const std::string rests[] = {
      "cdef\r\n$0\r\n\r\n$2\r\n\r\n\r\nPING\r\n",
      "cdefg\n$0\r\n\r\n$2\r\nxx\r\n",
      "cdef\r\n:1\r\n",
      "cdef\r\n$0\r\n\r\n$x\r\n",
      "cdef\r\n$0\r\n\r\n$" + std::string(40, '1') + "\r\n",
      "cdef\r\n$30\r\n",
      "cdef\r\n$9\r\n123456789\r\n$1\r\nx\r\n",
  };
  const Limits tight{.request_bytes = begun.size() + 24, .arguments = 8, .inline_bytes = 40};
  for (const std::string& rest : rests) {
    for (const auto& limits : {Limits{}, tight}) {
      const auto whole = follow({rest}, limits);
      for (std::size_t i = 0; i <= rest.size(); ++i) {
        for (std::size_t j = i; j <= rest.size(); ++j) {
          const std::string_view all = rest;
          const auto cut = follow({all.substr(0, i), all.substr(i, j - i), all.substr(j)}, limits);
          CHECK(cut == whole);
        }
      }
    }
  }
}

TEST_CASE("a malformed end of a streamed request is told apart as by the parser") {
  CHECK(error_of("cdefx\r\n") == Errc::expected_crlf);
  CHECK(error_of("cdef\rx") == Errc::expected_crlf);
  CHECK(error_of("cdef\n") == Errc::expected_crlf);
  CHECK(error_of("cdef\r\n*1\r\n") == Errc::expected_bulk);
  CHECK(error_of("cdef\r\n\r\n") == Errc::expected_bulk);
  CHECK(error_of("cdef\r\n$-1\r\n") == Errc::invalid_bulk_length);
  CHECK(error_of("cdef\r\n$+1\r\n") == Errc::invalid_bulk_length);
  CHECK(error_of("cdef\r\n$01\r\n") == Errc::invalid_bulk_length);
  CHECK(error_of("cdef\r\n$\r\n") == Errc::invalid_bulk_length);
  CHECK(error_of("cdef\r\n$1 \r\n") == Errc::invalid_bulk_length);
  CHECK(error_of("cdef\r\n$1\n") == Errc::invalid_bulk_length);
  CHECK(error_of("cdef\r\n$536870913\r\n") == Errc::invalid_bulk_length);
  CHECK(error_of("cdef\r\n$" + std::string(64, '1')) == Errc::bulk_count_too_big);
  CHECK(error_of("cdef\r\n$0\r\n\r\n$1\r\nxx\r\n") == Errc::expected_crlf);
}

TEST_CASE("what stood in place of a length is told") {
  RequestStream stream(payload, following, begun.size(), Feed::defaults());
  stream.feed("cdef\r\n:1\r\n");
  CHECK(stream.error() == Errc::expected_bulk);
  CHECK(stream.found() == ':');
}

TEST_CASE("a streamed request may be as large as the limit, and is refused before it is larger") {
  const std::string rest = "cdef\r\n$0\r\n\r\n$3\r\nxyz\r\n";
  const Limits exact{.request_bytes = begun.size() + rest.size()};
  CHECK(follow({rest}, exact) == Followed{Status::complete, rest.size()});
  const Limits less{.request_bytes = begun.size() + rest.size() - 1};
  const Followed refused{Status::failed, 0, Errc::request_too_large};
  CHECK(follow({rest}, less) == refused);
  CHECK(follow({"cdef\r\n$0\r\n\r\n$3\r\n"}, less) == refused);
  CHECK(parse_whole(begun + rest, exact).error.empty());
  CHECK(parse_whole(begun + rest, less).error.find("larger than") != std::string::npos);
}

TEST_CASE("nothing more is taken when the end has been found") {
  RequestStream stream(0, 0, 4, Feed::defaults());
  CHECK(stream.feed("\r") == 1);
  CHECK(stream.feed("\nPING") == 1);
  CHECK(stream.status() == Status::complete);
  CHECK(stream.feed("PING") == 0);
}

TEST_CASE("a command is unfinished when only the rest of an argument is missing") {
  Feed feed;
  feed.add("*4\r\n$3\r\nSET\r\n$1\r\nk\r\n$10\r\nabc");
  const std::string bytes = "*4\r\n$3\r\nSET\r\n$1\r\nk\r\n$10\r\nabc";
  const auto found = feed.parser().unfinished(bytes);
  REQUIRE(found);
  CHECK(found->args == std::vector<std::string_view>{"SET", "k"});
  CHECK(found->args[1].data() == bytes.data() + bytes.find('k'));
  CHECK(found->payload == 7);
  CHECK(found->following == 1);
}

TEST_CASE("whatever a command is cut at, what is unfinished leads to its end") {
  const std::string bytes = command_of({"SET", "key", "a value", "EX", "60"});
  std::size_t streamed = 0;
  for (std::size_t cut = 1; cut < bytes.size(); ++cut) {
    Limits limits;
    CommandParser parser(limits);
    Command command;
    const std::string_view first = std::string_view(bytes).substr(0, cut);
    REQUIRE(parser.parse(first, command).status == CommandParser::Status::incomplete);
    const auto found = parser.unfinished(first);
    if (!found) continue;
    ++streamed;
    CHECK(found->args.size() + 1 + found->following == 5);
    RequestStream stream(found->payload, found->following, cut, limits);
    CHECK(stream.feed(std::string_view(bytes).substr(cut)) == bytes.size() - cut);
    CHECK(stream.status() == Status::complete);
    // The parser begins a new command where the stream ended.
    parser.abandon();
    CHECK(parser.parse("*1\r\n$4\r\nPING\r\n", command).status == CommandParser::Status::complete);
  }
  // In each of the arguments behind the name: from behind its length line to before its CR.
  CHECK(streamed == 4 + 8 + 3 + 3);
}

TEST_CASE("nothing is unfinished without a name, in a length line or in a line end") {
  for (const auto bytes : {"*1\r\n$4\r\nPI", "*2\r\n$3\r\nGET\r\n", "*2\r\n$3\r\nGET\r\n$1",
                           "*2\r\n$3\r\nGET\r\n$1\r\nk\r", "GET k", "*2\r\n", ""}) {
    CAPTURE(bytes);
    CommandParser parser(Feed::defaults());
    Command command;
    parser.parse(bytes, command);
    CHECK_FALSE(parser.unfinished(bytes));
  }
}
