#include "protocol/reply.hpp"

#include <doctest/doctest.h>

#include <limits>

using namespace pannier::protocol;

namespace {

template <class Append>
std::string built(Append append) {
  std::string out;
  append(out);
  return out;
}

}  // namespace

TEST_CASE("a null, a map, a set, a double and a boolean have a form for each protocol") {
  const auto both = [](auto append) {
    return std::pair{built([&](std::string& out) { append(out, Resp::v2); }),
                     built([&](std::string& out) { append(out, Resp::v3); })};
  };
  using Pair = std::pair<std::string, std::string>;
  CHECK(both([](auto& out, Resp resp) { append_null(out, resp); }) == Pair("$-1\r\n", "_\r\n"));
  CHECK(both([](auto& out, Resp resp) { append_null_array(out, resp); }) ==
        Pair("*-1\r\n", "_\r\n"));
  CHECK(both([](auto& out, Resp resp) { append_map(out, 2, resp); }) == Pair("*4\r\n", "%2\r\n"));
  CHECK(both([](auto& out, Resp resp) { append_set(out, 2, resp); }) == Pair("*2\r\n", "~2\r\n"));
  CHECK(both([](auto& out, Resp resp) { append_double(out, 3.5, resp); }) ==
        Pair("$3\r\n3.5\r\n", ",3.5\r\n"));
  CHECK(both([](auto& out, Resp resp) {
          append_double(out, -std::numeric_limits<double>::infinity(), resp);
        }) == Pair("$4\r\n-inf\r\n", ",-inf\r\n"));
  CHECK(both([](auto& out, Resp resp) {
          append_double(out, -std::numeric_limits<double>::quiet_NaN(), resp);
        }) == Pair("$3\r\nnan\r\n", ",nan\r\n"));
  CHECK(both([](auto& out, Resp resp) { append_boolean(out, true, resp); }) ==
        Pair(":1\r\n", "#t\r\n"));
  CHECK(both([](auto& out, Resp resp) { append_boolean(out, false, resp); }) ==
        Pair(":0\r\n", "#f\r\n"));
}

TEST_CASE("an error is one line whatever it quotes") {
  CHECK(built([](std::string& out) { append_error(out, "ERR unknown command 'fo\r\no\x7f'"); }) ==
        "-ERR unknown command 'fo  o '\r\n");
}

TEST_CASE("integers and bulk strings are written whole") {
  CHECK(built([](std::string& out) {
          append_integer(out, std::numeric_limits<std::int64_t>::min());
        }) == ":-9223372036854775808\r\n");
  CHECK(built([](std::string& out) { append_bulk(out, std::string_view("a\0\r\n", 4)); }) ==
        std::string("$4\r\na\0\r\n\r\n", 10));
  CHECK(built([](std::string& out) {
          append_command(out, {"GET", ""});
        }) == "*2\r\n$3\r\nGET\r\n$0\r\n\r\n");
  CHECK(built([](std::string& out) { append_simple(out, "OK"); }) == "+OK\r\n");
}

TEST_CASE("a reader walks into aggregates and over attributes") {
  ReplyReader reader("*3\r\n$2\r\nab\r\n|1\r\n+x\r\n*1\r\n:1\r\n:-7\r\n%1\r\n+k\r\n_\r\n");
  CHECK(reader.next().number == 3);
  CHECK(reader.next().text == "ab");
  const ReplyView number = reader.next();
  CHECK(number.kind == ':');
  CHECK(number.number == -7);
  const ReplyView map = reader.next();
  CHECK(map.kind == '%');
  CHECK(map.number == 2);
  CHECK(reader.next().text == "k");
  CHECK(reader.next().null);
  CHECK(reader.done());
}

TEST_CASE("a reader skips one element with everything in it") {
  ReplyReader reader("*2\r\n*1\r\n*0\r\n%1\r\n+k\r\n$1\r\nv\r\n|1\r\n+a\r\n+b\r\n:1\r\n+OK\r\n");
  CHECK(reader.skip() == "*2\r\n*1\r\n*0\r\n%1\r\n+k\r\n$1\r\nv\r\n");
  CHECK(reader.skip() == "|1\r\n+a\r\n+b\r\n:1\r\n");
  CHECK(reader.rest() == "+OK\r\n");
}

TEST_CASE("a reader tells null, errors and texts apart") {
  for (const char* null : {"_\r\n", "$-1\r\n", "*-1\r\n"}) CHECK(ReplyReader(null).next().null);
  CHECK_FALSE(ReplyReader("$0\r\n\r\n").next().null);
  CHECK(ReplyReader("-ERR x\r\n").next().error());
  CHECK(ReplyReader("!5\r\nERR x\r\n").next().error());
  CHECK(ReplyReader("!5\r\nERR x\r\n").next().text == "ERR x");
  CHECK(ReplyReader("=8\r\ntxt:text\r\n").next().text == "text");
  CHECK(ReplyReader(",1.5\r\n").next().text == "1.5");
  CHECK(ReplyReader("").next().kind == 0);
}

TEST_CASE("reply integers never overflow") {
  CHECK(ReplyReader(":9223372036854775807\r\n").next().number == INT64_MAX);
  CHECK(ReplyReader(":-9223372036854775808\r\n").next().number == INT64_MIN);
  CHECK(ReplyReader(":9223372036854775808\r\n").next().number == INT64_MAX);
  CHECK(ReplyReader(":-99999999999999999999\r\n").next().number == INT64_MIN);
  CHECK(ReplyReader(":-0\r\n").next().number == 0);
  CHECK(ReplyReader(":+12\r\n").next().number == 12);
}

TEST_CASE("to_integer takes only what Redis takes for a number") {
  CHECK(to_integer("0") == 0);
  CHECK(to_integer("-1") == -1);
  CHECK(to_integer("9223372036854775807") == INT64_MAX);
  CHECK(to_integer("-9223372036854775808") == INT64_MIN);
  for (const char* text :
       {"", "-", "+1", " 1", "1 ", "01", "-0", "-01", "1.0", "9223372036854775808",
        "-9223372036854775809", "99999999999999999999", "0x1"}) {
    CAPTURE(text);
    CHECK_FALSE(to_integer(text).has_value());
  }
}
