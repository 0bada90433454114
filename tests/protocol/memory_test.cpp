// What the protocol room allocates, and that it does not where it says so. Replaces operator new
// for the whole test program, with a counter.

#include <doctest/doctest.h>

#include <cstdlib>
#include <new>
#include <string>

#include "protocol/command_parser.hpp"
#include "protocol/glob.hpp"
#include "protocol/reply.hpp"
#include "protocol/reply_scanner.hpp"

namespace {

std::size_t allocated_bytes = 0;

template <class Run>
std::size_t bytes_allocated_by(Run run) {
  const std::size_t before = allocated_bytes;
  run();
  return allocated_bytes - before;
}

}  // namespace

void* operator new(std::size_t size) {
  allocated_bytes += size;
  if (void* const memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

using namespace pannier::protocol;

TEST_CASE("a header that announces a million arguments costs nothing until they arrive") {
  const Limits limits;
  CommandParser parser(limits);
  Command command;
  const std::size_t bytes = bytes_allocated_by([&] {
    CHECK(parser.parse("*1048576\r\n", command).status == CommandParser::Status::incomplete);
    CHECK(parser.parse("*1048576\r\n$536870912\r\n", command).status ==
          CommandParser::Status::failed);
  });
  CHECK(bytes < 1024);
}

TEST_CASE("a small command that is here whole is parsed without allocation") {
  const Limits limits;
  CommandParser parser(limits);
  Command command;
  const std::string bytes = "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n";
  parser.parse(bytes, command);
  CHECK(bytes_allocated_by([&] { parser.parse(bytes, command); }) == 0);
}

TEST_CASE("what a large command took is given back at the next call") {
  const Limits limits;
  CommandParser parser(limits);
  Command command;
  std::string bytes;
  append_command(bytes, 10000);
  for (int i = 0; i < 10000; ++i) append_bulk(bytes, "k");
  const std::size_t first = bytes_allocated_by([&] { parser.parse(bytes, command); });
  REQUIRE(command.args.size() == 10000);
  parser.parse("", command);
  CHECK(bytes_allocated_by([&] { parser.parse(bytes, command); }) == first);
}

TEST_CASE("flat replies are scanned and walked without allocation") {
  ReplyScanner scanner;
  const std::string replies = "+OK\r\n:1\r\n$5\r\nhello\r\n_\r\n$-1\r\n-ERR x\r\n,1.5\r\n$5\r\nhe";
  const std::size_t bytes = bytes_allocated_by([&] {
    for (std::string_view rest = replies; !rest.empty();)
      rest.remove_prefix(scanner.scan(rest).consumed);
    for (ReplyReader reader("*2\r\n:1\r\n%1\r\n+a\r\n+b\r\n"); !reader.done();) reader.next();
  });
  CHECK(bytes == 0);
}

TEST_CASE("a key pattern is matched without allocation once its captures have room") {
  const auto pattern = KeyPattern::compile("t:{tenant}:*:{id}-x?[a-z]");
  REQUIRE(pattern.has_value());
  std::vector<std::string_view> captures;
  captures.reserve(2);
  CHECK(bytes_allocated_by([&] { CHECK(pattern->matches("t:7:a:b:9-xab", captures)); }) == 0);
}
