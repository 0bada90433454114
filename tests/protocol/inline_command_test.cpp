#include <doctest/doctest.h>

#include "parsing.hpp"

using namespace pannier::protocol;
using namespace std::string_literals;

namespace {

struct Row {
  std::string line;
  std::vector<std::string> args;
};

std::string encoded(const std::vector<std::string>& args) {
  std::string bytes;
  append_command(bytes, args.size());
  for (const std::string& arg : args) append_bulk(bytes, arg);
  return bytes;
}

}  // namespace

TEST_CASE("an inline command is split and unquoted as Redis does it") {
  const Row rows[] = {
      {"SET a b", {"SET", "a", "b"}},
      {"  SET\t a \v b  ", {"SET", "a", "b"}},
      {R"(SET a "b c")", {"SET", "a", "b c"}},
      {R"(SET "" '')", {"SET", "", ""}},
      {R"(SET "\x41\n\r\t\b\a\\\"\q")", {"SET", "A\n\r\t\b\a\\\"q"}},
      {R"(SET "\x4")", {"SET", "x4"}},
      {R"(SET "\xzz")", {"SET", "xzz"}},
      {R"(SET "\x00")", {"SET", "\0"s}},
      {R"(SET 'a\'b\n"')", {"SET", "a'b\\n\""}},
      {R"(SET a"b c")", {"SET", "ab c"}},
      {R"(SET a'b c')", {"SET", "ab c"}},
      {R"(SET \x41)", {"SET", "\\x41"}},
      {"SET \xff\x80", {"SET", "\xff\x80"}},
      {"SET a\vb", {"SET", "a\vb"}},
      {"SET a\rb", {"SET", "a", "b"}},
      {"SET \"a\"\vb", {"SET", "a", "b"}},
  };
  for (const Row& row : rows) {
    CAPTURE(row.line);
    for (const char* end : {"\n", "\r\n"}) {
      const Parsed parsed = parse_whole(row.line + end);
      CHECK(parsed.error == "");
      CHECK(parsed.commands == std::vector{encoded(row.args)});
    }
  }
}

TEST_CASE("a quote that stays open, or closes inside a word, is an error") {
  for (const char* line : {R"(SET "a)", R"(SET 'a)", R"(SET ")", R"(SET "a\)", R"(SET "a\")",
                           R"(SET 'a\')", R"(SET "a"b)", R"(SET 'a'b)", R"(SET "a""b")"}) {
    CAPTURE(line);
    CHECK(parse_whole(line + "\r\n"s).error == "ERR Protocol error: unbalanced quotes in request");
  }
}

TEST_CASE("an inline command travels on as an array") {
  CHECK(parse_whole("set k \"a\\nb\"\r\n").commands ==
        std::vector{"*3\r\n$3\r\nset\r\n$1\r\nk\r\n$3\r\na\nb\r\n"s});
}
