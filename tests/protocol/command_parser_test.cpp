#include "protocol/command_parser.hpp"

#include <doctest/doctest.h>

#include "parsing.hpp"

using namespace pannier::protocol;
using namespace std::string_literals;

namespace {

std::string error_of(std::string_view bytes) { return parse_whole(bytes).error; }

const std::string ping = command_of({"PING"});

}  // namespace

TEST_CASE("an array of bulk strings is a command, and its wire is the client's own bytes") {
  const std::string bytes = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nhello\r\n";
  CommandParser parser(Feed::defaults());
  Command command;
  const auto step = parser.parse(bytes, command);
  CHECK(step.status == CommandParser::Status::complete);
  CHECK(step.consumed == bytes.size());
  REQUIRE(command.args.size() == 3);
  CHECK(command.name() == "SET");
  CHECK(command.args[2] == "hello");
  CHECK(command.wire.data() == bytes.data());
}

TEST_CASE("empty arguments and arguments full of CR, LF and NUL are exact") {
  const std::string odd = "\r\n\0\xff*1\r\n$4\r\n"s;
  CHECK(parse_whole(command_of({"SET", "", odd})).commands ==
        std::vector{command_of({"SET", "", odd})});
}

TEST_CASE("empty arrays and empty lines are no commands and leave the connection usable") {
  for (const char* nothing :
       {"*0\r\n", "*-1\r\n", "*-7\r\n", "\r\n", "\n", "   \r\n", "\r\n\r\n\n"}) {
    CAPTURE(nothing);
    const Parsed parsed = parse_whole(nothing + "PING\r\n"s);
    CHECK(parsed.error == "");
    CHECK(parsed.commands == std::vector{ping});
  }
}

TEST_CASE("an array length must be a canonical number within the limit") {
  for (const char* line :
       {"*\r\n", "*x\r\n", "*1x\r\n", "* 1\r\n", "*+1\r\n", "*01\r\n", "*-0\r\n", "*1048577\r\n",
        "*2147483648\r\n", "*99999999999999999999\r\n", "*1\rx", "*1\n$4\r\nPING\r\n"}) {
    CAPTURE(line);
    CHECK(error_of(line) == "ERR Protocol error: invalid multibulk length");
  }
}

TEST_CASE("a bulk length must be a canonical number up to 512 MB") {
  for (const char* length : {"-1", "", " 4", "+4", "04", "00", "4 ", "4x", "536870913",
                             "18446744073709551617", "99999999999999999999999"}) {
    CAPTURE(length);
    CHECK(error_of("*1\r\n$"s + length + "\r\nPING\r\n") ==
          "ERR Protocol error: invalid bulk length");
  }
  CHECK(error_of("*1\r\n$4\rxPING\r\n") == "ERR Protocol error: invalid bulk length");
}

TEST_CASE("an argument that does not begin with $ is named in the error, control bytes blanked") {
  CHECK(error_of("*1\r\n:4\r\n") == "ERR Protocol error: expected '$', got ':'");
  CHECK(error_of("*2\r\n$3\r\nGET\r\nx\r\n") == "ERR Protocol error: expected '$', got 'x'");
  CHECK(error_of("*1\r\n\r\n") == "ERR Protocol error: expected '$', got ' '");
  CHECK(error_of("*1\r\n\x7f\r\n") == "ERR Protocol error: expected '$', got ' '");
}

TEST_CASE("a bulk string must be followed by CR LF, so lengths cannot smuggle a command") {
  CHECK(error_of("*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n") ==
        "ERR Protocol error: expected CRLF after bulk");
  CHECK(error_of("*1\r\n$4\r\nPING\n\r") == "ERR Protocol error: expected CRLF after bulk");
  CHECK(error_of("*1\r\n$3\r\nPING\r\n") == "ERR Protocol error: expected CRLF after bulk");
}

TEST_CASE("an array line that ends in LF alone waits for its CR") {
  const Parsed parsed = parse_whole("*1\n$4\nPING\n");
  CHECK(parsed.commands.empty());
  CHECK(parsed.error == "");
}

TEST_CASE("length lines longer than 64 KiB are refused, 64 KiB are waited for") {
  const std::string digits(65536, '1');
  CHECK(error_of("*" + digits.substr(1)) == "");
  CHECK(error_of("*" + digits) == "ERR Protocol error: too big mbulk count string");
  CHECK(error_of("*1\r\n$" + digits.substr(1)) == "");
  CHECK(error_of("*1\r\n$" + digits) == "ERR Protocol error: too big bulk count string");
}

TEST_CASE("an inline request of 65,537 bytes is too big, of 65,535 it is not") {
  CHECK(error_of(std::string(65537, 'a')) == "ERR Protocol error: too big inline request");
  CHECK(error_of(std::string(65537, 'a') + "\n") == "ERR Protocol error: too big inline request");
  CHECK(error_of(std::string(65535, 'a')) == "");
  CHECK(parse_whole(std::string(65535, 'a') + "\n").commands.size() == 1);
}

TEST_CASE("a request above max_request_bytes is refused as soon as its length is announced") {
  const std::string header = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n";
  CHECK(error_of(header + "$67108865\r\n") ==
        "ERR pannier: request larger than max_request_bytes=67108864; not executed");
  CHECK(error_of(header + "$60000000\r\n") == "");
  Limits limits;
  limits.request_bytes = header.size() + 4 + 9 + 2;
  CHECK(parse_whole(header + "$9\r\n123456789\r\n", limits).commands.size() == 1);
  CHECK(parse_whole(header + "$10\r\n", limits).error ==
        "ERR pannier: request larger than max_request_bytes=" +
            std::to_string(limits.request_bytes) + "; not executed");
}

TEST_CASE("HTTP is cut off without a word, commands before it are handed out") {
  for (const char* attack :
       {"POST / HTTP/1.1\r\n", "post x\r\n", "Host: x\r\n", "hOsT: x\r\n", "*1\r\n$5\r\nhost:\r\n",
        "*2\r\n$4\r\nPoSt\r\n$1\r\n/\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"}) {
    CAPTURE(attack);
    const Parsed parsed = parse_whole("PING\r\n"s + attack + "FLUSHALL\r\n");
    CHECK(parsed.commands == std::vector{ping});
    CHECK(parsed.error == "close");
  }
  CHECK(parse_whole("GET / HTTP/1.1\r\nHost: x\r\n\r\n").error == "close");
  CHECK(error_of("PRI x\r\nPOSTS\r\nhost\r\n") == "");
}

TEST_CASE("a TLS hello is told that this port does not speak TLS") {
  const std::string hello = "\x16\x03\x01\x00\xa5\x01"s;
  CHECK(error_of(hello) == "ERR pannier: this port does not speak TLS; not executed");
  CHECK(error_of(hello.substr(0, 2)) == "");
  CHECK(parse_whole("\x16\n").commands.size() == 1);
  CHECK(parse_whole("\x16\x03\x05\n").commands.size() == 1);
}

TEST_CASE("a NUL byte in an inline command is refused") {
  CHECK(error_of("PING\0\r\n"s) == "ERR Protocol error: invalid character in inline request");
}

TEST_CASE("the error codes carry Redis's texts") {
  CHECK(make_error_code(Errc::invalid_bulk_length).message() == "invalid bulk length");
  CHECK(make_error_code(Errc::unbalanced_quotes).message() == "unbalanced quotes in request");
  CHECK(std::string(protocol_category().name()) == "pannier.protocol");
}

TEST_CASE("while a large value is on its way, missing() tells how much of it") {
  Feed feed;
  feed.add("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\nab");
  CHECK(feed.parser().missing() == 1000000);
  feed.add(std::string(999998, 'x'));
  CHECK(feed.parser().missing() == 2);
  feed.add("\r\n");
  CHECK(feed.parser().missing() == 0);
  CHECK(feed.parsed().commands.size() == 1);
}
