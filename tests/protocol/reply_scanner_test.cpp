#include "protocol/reply_scanner.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace pannier::protocol;
using namespace std::string_literals;

namespace {

using Status = ReplyScanner::Status;

/// One reply of every type, of both protocols, and some that hold others.
const std::string replies[] = {
    "+OK\r\n",
    "+\r\n",
    "-ERR no\r\n",
    ":1\r\n",
    ":-9223372036854775808\r\n",
    ":-0\r\n",
    ":+7\r\n",
    "$5\r\nhello\r\n",
    "$0\r\n\r\n",
    "$2\r\n\r\n\r\n",
    "$-1\r\n",
    "*-1\r\n",
    "*0\r\n",
    "*2\r\n$1\r\na\r\n:1\r\n",
    "*3\r\n*0\r\n*1\r\n*1\r\n_\r\n$-1\r\n",
    "_\r\n",
    "#t\r\n",
    "#f\r\n",
    ",3.5\r\n",
    ",inf\r\n",
    ",-inf\r\n",
    ",nan\r\n",
    ",1e5\r\n",
    "(3492890328409238509324850943850943825024385\r\n",
    "!21\r\nSYNTAX invalid syntax\r\n",
    "=15\r\ntxt:Some string\r\n",
    "%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n#t\r\n",
    "%0\r\n",
    "~3\r\n+a\r\n+b\r\n_\r\n",
    ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n",
    ">2\r\n$10\r\ninvalidate\r\n_\r\n",
    "|1\r\n+ttl\r\n:3600\r\n$1\r\nv\r\n",
    "|0\r\n:1\r\n",
    "*2\r\n|1\r\n+a\r\n*1\r\n:1\r\n:2\r\n:3\r\n",
    "|1\r\n+a\r\n|1\r\n+b\r\n+c\r\n:1\r\n*1\r\n:9\r\n",
};

struct Scanned {
  std::size_t consumed = 0;
  Status status = Status::incomplete;
  char kind = 0;
};

/// Scans `bytes` in pieces of `size`, carrying over what a scan left unconsumed.
Scanned scan_pieces(std::string_view bytes, std::size_t size) {
  ReplyScanner scanner;
  Scanned all;
  std::size_t given = 0;
  while (given < bytes.size() && all.status == Status::incomplete) {
    given = std::min(bytes.size(), given + size);
    const std::string piece(bytes.substr(all.consumed, given - all.consumed));
    const auto step = scanner.scan(piece);
    all.consumed += step.consumed;
    all.status = step.status;
  }
  all.kind = scanner.kind();
  return all;
}

char kind_of(std::string_view reply) {
  if (reply.starts_with("|1\r\n+ttl")) return '$';
  if (reply.starts_with("|0")) return ':';
  return reply.starts_with('|') ? '*' : reply[0];
}

Errc error_of(std::string_view bytes) {
  ReplyScanner scanner;
  const auto step = scanner.scan(bytes);
  CHECK(step.status == Status::failed);
  return step.error;
}

}  // namespace

TEST_CASE("a whole reply of every type is found in one scan, and nothing behind it is taken") {
  for (const std::string& reply : replies) {
    CAPTURE(reply);
    ReplyScanner scanner;
    const auto step = scanner.scan(reply + "+next\r\n");
    CHECK(step.status == Status::complete);
    CHECK(step.consumed == reply.size());
    CHECK(scanner.kind() == kind_of(reply));
    CHECK_FALSE(scanner.inside());
  }
}

TEST_CASE("a reply is found however it is cut") {
  for (const std::string& reply : replies) {
    for (std::size_t size = 1; size <= reply.size(); ++size) {
      CAPTURE(reply);
      CAPTURE(size);
      const Scanned scanned = scan_pieces(reply, size);
      CHECK(scanned.status == Status::complete);
      CHECK(scanned.consumed == reply.size());
      CHECK(scanned.kind == kind_of(reply));
    }
  }
}

TEST_CASE("a stream of replies split in two at any byte is cut at the same places") {
  std::string stream;
  for (const std::string& reply : replies) stream += reply;
  for (std::size_t split = 0; split <= stream.size(); ++split) {
    CAPTURE(split);
    ReplyScanner scanner;
    std::size_t at = 0;
    std::size_t complete = 0;
    for (const std::size_t end : {split, stream.size()}) {
      for (;;) {
        const auto step = scanner.scan(std::string_view(stream).substr(at, end - at));
        at += step.consumed;
        if (step.status != Status::complete) break;
        ++complete;
      }
    }
    CHECK(complete == std::size(replies));
    CHECK(at == stream.size());
  }
}

TEST_CASE("of an unfinished reply everything is settled but an unfinished line") {
  ReplyScanner scanner;
  auto step = scanner.scan("*2\r\n$5\r\nhel");
  CHECK(step.status == Status::incomplete);
  CHECK(step.consumed == 11);
  CHECK(scanner.inside());
  CHECK(scanner.kind() == '*');
  step = scanner.scan("lo\r\n$1");
  CHECK(step.consumed == 4);
  step = scanner.scan("$10\r\n");
  CHECK(step.consumed == 5);
  step = scanner.scan("0123456789\r\n");
  CHECK(step.status == Status::complete);
}

TEST_CASE(
    "the kind of a reply is known with its first byte, behind an attribute with a later one") {
  ReplyScanner scanner;
  CHECK(scanner.kind() == 0);
  scanner.scan("$");
  CHECK(scanner.kind() == '$');
  CHECK(scanner.inside());
  ReplyScanner attributed;
  attributed.scan("|1\r\n+a\r\n+b\r\n");
  CHECK(attributed.kind() == 0);
  attributed.scan(">");
  CHECK(attributed.kind() == '>');
}

TEST_CASE("what is neither RESP2 nor RESP3 is a bad reply") {
  for (const char* bytes : {"x\r\n",
                            "\r\n",
                            "$x\r\n",
                            "$04\r\nabcd\r\n",
                            "$-2\r\n",
                            "$-\r\n",
                            "*-2\r\n",
                            "%-1\r\n",
                            "~-1\r\n",
                            ">-1\r\n",
                            "=-1\r\n",
                            "$?\r\n",
                            "*?\r\n",
                            "%?\r\n",
                            ";4\r\n",
                            ".\r\n",
                            "+OK\rx",
                            "$3\r\nabcde",
                            "$3\r\nabc\rx",
                            "#x\r\n",
                            "#\r\n",
                            "_x\r\n",
                            ":\r\n",
                            ":x\r\n",
                            ":1x\r\n",
                            ":-\r\n",
                            ",\r\n",
                            "(\r\n",
                            "=3\r\ntxt\r\n",
                            "$4294967297\r\n",
                            "*99999999999\r\n",
                            "*1\r\n$18446744073709551615\r\n",
                            "*2\r\n+a\r\nx\r\n"}) {
    CAPTURE(bytes);
    CHECK(error_of(bytes) == Errc::bad_reply);
  }
}

TEST_CASE("a bulk string must end in CR LF, also where the two arrive apart") {
  for (const char* bytes : {"$3\r\nabcde", "$3\r\nabc\rx", "$3\r\nabcx\n", "$0\r\nx\n"}) {
    CAPTURE(bytes);
    CHECK(error_of(bytes) == Errc::bad_reply);
    CHECK(scan_pieces(bytes, 1).status == Status::failed);
  }
}

TEST_CASE("a line of more than 64 KiB is a bad reply, a bulk string of that size is not") {
  const std::string text(ReplyScanner::max_line - 1, 'x');
  ReplyScanner scanner;
  CHECK(scanner.scan("+" + text + "\r\n").status == Status::complete);
  CHECK(error_of("+x" + text + "\r\n") == Errc::bad_reply);
  CHECK(error_of("+x" + text) == Errc::bad_reply);
  CHECK(scan_pieces("+x" + text + "\r\n", 1000).status == Status::failed);
  CHECK(scanner.scan("$65536\r\n" + text + "x\r\n").status == Status::complete);
}

TEST_CASE("a length of 4 GiB is waited for") {
  ReplyScanner scanner;
  CHECK(scanner.scan("$4294967296\r\n").status == Status::incomplete);
}

TEST_CASE("replies nest 128 deep, and no deeper") {
  std::string deep;
  for (std::size_t i = 0; i < ReplyScanner::max_depth; ++i) deep += "*1\r\n";
  ReplyScanner scanner;
  CHECK(scanner.scan(deep + ":1\r\n").status == Status::complete);
  CHECK(error_of(deep + "*1\r\n") == Errc::reply_too_deep);
  std::string endless;
  for (int i = 0; i < 100000; ++i) endless += "%1\r\n+k\r\n";
  CHECK(error_of(endless) == Errc::reply_too_deep);
}
