#include <doctest/doctest.h>

#include <chrono>

#include "protocol/glob.hpp"

using namespace pannier::protocol;

namespace {

using Captures = std::vector<std::string_view>;

KeyPattern compiled(std::string_view text) {
  auto pattern = KeyPattern::compile(text);
  CAPTURE(text);
  REQUIRE(pattern.has_value());
  return *pattern;
}

bool matches(std::string_view pattern, std::string_view key) {
  Captures captures;
  return compiled(pattern).matches(key, captures);
}

/// The captures joined by `|`; "no" when the key does not match.
std::string captured(std::string_view pattern, std::string_view key) {
  Captures captures;
  if (!compiled(pattern).matches(key, captures)) return "no";
  std::string joined;
  for (const std::string_view capture : captures) {
    joined += (joined.empty() ? "" : "|") + std::string(capture);
  }
  return joined;
}

std::string error_of(std::string_view text) {
  auto pattern = KeyPattern::compile(text);
  REQUIRE_FALSE(pattern.has_value());
  return pattern.error();
}

}  // namespace

TEST_CASE("a name captures one segment: at least one byte and no colon") {
  CHECK(captured("user:{id}", "user:42") == "42");
  CHECK(captured("user:{id}", "user:") == "no");
  CHECK(captured("user:{id}", "user:4:2") == "no");
  CHECK(captured("user:{id}", "user") == "no");
  CHECK(captured("user:{id}", "usex:42") == "no");
  CHECK(captured("{a}:{b}:{c}", "x:yy:zzz") == "x|yy|zzz");
  CHECK(captured("{a}:{b}:{c}", "x::z") == "no");
  CHECK(captured("t:{tenant}:user:{id}:profile", "t:7:user:9:profile") == "7|9");
  CHECK(captured("{all}", "abc") == "abc");
  CHECK(captured("{all}", "") == "no");
}

TEST_CASE("a name takes as much as it can and gives back what the rest needs") {
  CHECK(captured("{a}-{b}", "x-y-z") == "x-y|z");
  CHECK(captured("{a}.json", "a.json.json") == "a.json");
  CHECK(captured("v{n}x{m}", "v1x2x3") == "1x2|3");
  CHECK(captured("{a}?", "xyz") == "xy");
  CHECK(captured("{a}??", "xy") == "no");
  CHECK(captured("{a}[0-9]", "ab12") == "ab1");
  CHECK(captured("{a}*", "ab:c") == "ab");
  CHECK(captured("{a}*c", "abcc:c") == "abcc");
}

TEST_CASE("a star takes as little as it can") {
  CHECK(captured("*:{id}", "a:b:c") == "c");
  CHECK(captured("*{id}", "a:bc") == "bc");
  CHECK(captured("*-{x}-*", "a-b-c-d") == "b-c");
  CHECK(captured("x:*:{a}:*:{b}", "x:1:2:3:4:5") == "2|5");
}

TEST_CASE("a pattern without names is a glob") {
  CHECK(matches("a*c", "abbc"));
  CHECK(matches("*", ""));
  CHECK(matches("*", "anything:at:all"));
  CHECK(matches("a**c", "ac"));
  CHECK(matches("[a-c]?", "bx"));
  CHECK_FALSE(matches("[^a-c]?", "bx"));
  CHECK(matches("a\\*", "a*"));
  CHECK_FALSE(matches("a\\*", "ab"));
  CHECK(matches("\\{x\\}", "{x}"));
  CHECK(matches("a}", "a}"));
  CHECK_FALSE(matches("abc", "abcd"));
}

TEST_CASE("the prefix is what every matching key begins with") {
  CHECK(compiled("dashboard:tile:{tile}").prefix() == "dashboard:tile:");
  CHECK(compiled("{x}:a").prefix() == "");
  CHECK(compiled("a\\*b*").prefix() == "a*b");
  CHECK_FALSE(compiled("a*").is_literal());
  CHECK(compiled("a:b").is_literal());
  CHECK(compiled("a:b").prefix() == "a:b");
}

TEST_CASE("the beginning is bytes and whole segments, as far as each says where it ends") {
  using Parts = std::vector<std::string_view>;
  const auto whole = std::string_view();
  const auto tile = compiled("dashboard:{tile}:{day}");
  CHECK(tile.beginning() == Parts{"dashboard:", whole, ":", whole});
  const auto run = compiled("{x}:b*:c");
  CHECK(run.beginning() == Parts{whole, ":b"});
  const auto part = compiled("a{x}b:{y}");
  CHECK(part.beginning() == Parts{"a"});
  CHECK(compiled("*:a").beginning().empty());
}

TEST_CASE("a pattern becomes a glob in which every name is a star") {
  CHECK(compiled("user:{id}:*:[a-c]?").as_glob() == "user:*:*:[a-c]?");
  CHECK(compiled("{a}*").as_glob() == "*");
  CHECK(compiled("\\*{a}").as_glob() == "\\**");
  CHECK(compiled("a\\{b\\}c").as_glob() == "a{b}c");
  CHECK(compiled("x{a}").text() == "x{a}");
  CHECK(compiled("{b}:{a}").names() == std::vector<std::string>{"b", "a"});
}

TEST_CASE("a pattern that cannot be meant is refused with a sentence") {
  CHECK(error_of("") == "an empty pattern matches no key");
  CHECK(error_of("a{}") == "'{}' needs a name");
  CHECK(error_of("a{b-c}") == "the name in '{b-c}' may hold letters, digits and _ only");
  CHECK(error_of("a{b") == "'{' without '}'; write \\{ for the brace itself");
  CHECK(error_of("{a}:{a}") == "'{a}' appears twice");
  CHECK(error_of("{a}{b}") == "'{a}{b}' needs something between the two");
  CHECK(error_of("a[b") == "'[' without ']'");
  CHECK(error_of("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*") == "more than 16 wildcards");
}

TEST_CASE("matching stays short where a naive matcher would need years") {
  const auto begin = std::chrono::steady_clock::now();
  const std::string dashes(4000, '-');
  CHECK(captured("{a}-{b}-{c}-{d}-{e}-{f}-{g}-{h}z", dashes) == "no");
  CHECK(captured("*-*-*-*-*-*-*-*-*-*-*-*-*-*-*-*z", dashes) == "no");
  CHECK(captured("*{a}-*{b}-*{c}-*{d}-*{e}-*{f}-*{g}z", dashes) == "no");
  std::string colons;
  for (int i = 0; i < 1000; ++i) colons += "ab:";
  CHECK(captured("*{a}?*{b}?*{c}?*{d}?*{e}?*{f}z", colons) == "no");
  CHECK(captured("{a}?{b}?{c}?{d}?{e}?{f}?{g}?{h}?{i}?{j}?{k}?{l}?{m}?{n}?{o}?{p}z", colons) ==
        "no");
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(10));
}
