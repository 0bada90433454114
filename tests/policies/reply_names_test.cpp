#include "policies/reply_names.hpp"

#include <doctest/doctest.h>

#include <map>

#include "protocol/glob.hpp"

using namespace pannier::policies;
using Shape = ReplyNames::Shape;

namespace {

/// `k:v2` is k, `k:v1` nobody's, and all else is as it is.
struct Shown final : ShownNames {
  std::optional<std::string_view> shown(std::string_view upstream) const override {
    const auto split = split_version(upstream);
    if (!split) return upstream;
    return split->second == 2 ? std::optional(split->first) : std::nullopt;
  }
};

std::string told(const ReplyNames& names, std::string_view reply) {
  std::string out;
  names.append(out, reply, Shown{});
  return out;
}

ReplyNames of(Shape shape) {
  ReplyNames names;
  names.shape = shape;
  names.names = {{"q:v2", "q"}, {"s:v2", "s"}};
  return names;
}

}  // namespace

TEST_CASE("A name ends in its version or has none") {
  CHECK(split_version("k:v12") == std::pair<std::string_view, std::uint64_t>("k", 12));
  CHECK(split_version("a:v1:v2") == std::pair<std::string_view, std::uint64_t>("a:v1", 2));
  for (const std::string_view name :
       {"k", "k:v", "k:vx", "k:v-1", "k:v01", "v2", ":v 2", "k:v2x"}) {
    CAPTURE(name);
    CHECK_FALSE(split_version(name));
  }
}

TEST_CASE("The key that something was taken from is told by the client's name") {
  const auto names = of(Shape::first);
  CHECK(told(names, "*2\r\n$4\r\nq:v2\r\n$1\r\nx\r\n") == "*2\r\n$1\r\nq\r\n$1\r\nx\r\n");
  CHECK(told(names, "*2\r\n$4\r\ns:v2\r\n*1\r\n$1\r\nx\r\n") ==
        "*2\r\n$1\r\ns\r\n*1\r\n$1\r\nx\r\n");
  for (const std::string_view same : {"*-1\r\n", "$-1\r\n", "_\r\n", "-ERR no\r\n", "+QUEUED\r\n",
                                      "*0\r\n", "*2\r\n$1\r\nz\r\n$4\r\nq:v2\r\n"}) {
    CHECK(told(names, same) == same);
  }
}

TEST_CASE("Streams are told by the client's names in both protocols") {
  const auto names = of(Shape::streams);
  CHECK(told(names, "*2\r\n*2\r\n$4\r\nq:v2\r\n*0\r\n*2\r\n$1\r\nz\r\n*0\r\n") ==
        "*2\r\n*2\r\n$1\r\nq\r\n*0\r\n*2\r\n$1\r\nz\r\n*0\r\n");
  CHECK(told(names, "%2\r\n$4\r\ns:v2\r\n*0\r\n$1\r\nz\r\n*1\r\n$4\r\nq:v2\r\n") ==
        "%2\r\n$1\r\ns\r\n*0\r\n$1\r\nz\r\n*1\r\n$4\r\nq:v2\r\n");
  CHECK(told(names, "*-1\r\n") == "*-1\r\n");
}

TEST_CASE("Lists of keys show what the client may see, and what its pattern means") {
  auto names = of(Shape::all);
  const std::string_view reply = "*4\r\n$4\r\na:v1\r\n$4\r\na:v2\r\n$1\r\nb\r\n$5\r\nab:v2\r\n";
  CHECK(told(names, reply) == "*3\r\n$1\r\na\r\n$1\r\nb\r\n$2\r\nab\r\n");
  names.pattern = "a";
  names.has_pattern = true;
  CHECK(told(names, reply) == "*1\r\n$1\r\na\r\n");
  names.shape = Shape::scan;
  CHECK(told(names, "*2\r\n$2\r\n17\r\n" + std::string(reply)) ==
        "*2\r\n$2\r\n17\r\n*1\r\n$1\r\na\r\n");
  CHECK(told(names, "-ERR invalid cursor\r\n") == "-ERR invalid cursor\r\n");
}

TEST_CASE("One key that the client may not see is none") {
  auto names = of(Shape::one);
  CHECK(told(names, "$4\r\na:v2\r\n") == "$1\r\na\r\n");
  CHECK(told(names, "$4\r\na:v1\r\n") == "$-1\r\n");
  names.is_3 = true;
  CHECK(told(names, "$4\r\na:v1\r\n") == "_\r\n");
}

TEST_CASE("In a transaction only the replies that carry names are changed") {
  ReplyNames names;
  names.shape = Shape::transaction;
  names.parts = {{1, of(Shape::first)}, {2, of(Shape::all)}};
  CHECK(told(names, "*3\r\n$4\r\nq:v2\r\n*2\r\n$4\r\nq:v2\r\n$1\r\nx\r\n*1\r\n$4\r\na:v2\r\n") ==
        "*3\r\n$4\r\nq:v2\r\n*2\r\n$1\r\nq\r\n$1\r\nx\r\n*1\r\n$1\r\na\r\n");
  CHECK(told(names, "*-1\r\n") == "*-1\r\n");
  CHECK(told(names, "-EXECABORT no\r\n") == "-EXECABORT no\r\n");
}

TEST_CASE("The wider pattern finds every key with and without its version") {
  for (const std::string_view pattern :
       {"*", "", "a", "a*", "a?", "*a", "a[bc]", "a\\*", "a\\", "[", "a**", "?", "a[", "x*y"}) {
    const auto wider = wider_pattern(pattern);
    for (const std::string name : {"", "a", "ab", "ac", "a*", "a\\", "x1y", "xy", "[", "a[", "b"}) {
      if (!pannier::protocol::glob_matches(pattern, name)) continue;
      CAPTURE(pattern);
      CAPTURE(name);
      CHECK(pannier::protocol::glob_matches(wider, name));
      CHECK(pannier::protocol::glob_matches(wider, name + ":v12"));
    }
  }
}
