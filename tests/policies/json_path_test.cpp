#include "policies/json_path.hpp"

#include <doctest/doctest.h>

using namespace pannier::policies;

namespace {

std::vector<std::string> found(std::string_view text, std::string_view path) {
  const auto document = JsonDocument::parse(text);
  REQUIRE(document);
  return document->find(*JsonPath::compile(path));
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("members, elements and all of them are found in the order of the document") {
  const auto* text = R"({"items": [{"id": 7}, {"id": "b"}, {"no": 1}, 5], "a key": {"b": [1, 2]}})";
  CHECK(found(text, "$.items[*].id") == Texts{"7", "b"});
  CHECK(found(text, "$.items[1].id") == Texts{"b"});
  CHECK(found(text, "$['a key'].b[*]") == Texts{"1", "2"});
  CHECK(found(text, "$[*].b[1]") == Texts{"2"});
  CHECK(found(text, "$.items[9].id").empty());
  CHECK(found(text, "$.items.id").empty());
  CHECK(found("3", "$") == Texts{"3"});
  CHECK(found(R"({"it's": 1, "b\"": 2})", R"($['it\'s'])") == Texts{"1"});
  CHECK(found(R"({"it's": 1, "b\"": 2})", R"($['b"'])") == Texts{"2"});
}

TEST_CASE("scalars are written as JSON writes them, and nothing else counts") {
  const auto* text =
      R"([-1, 18446744073709551615, 1.5, 1e30, 2.0, true, false, null, {}, "", "\u00fc\u0000"])";
  CHECK(found(text, "$[*]") == Texts{"-1", "18446744073709551615", "1.5", "1e+30", "2", "true",
                                     "false", "", std::string("\xc3\xbc\0", 3)});
}

TEST_CASE("find_one takes the first scalar") {
  const auto document = JsonDocument::parse(R"({"a": [null, {}, 3, 4]})");
  REQUIRE(document);
  CHECK(document->find_one(*JsonPath::compile("$.a[*]")) == "3");
  CHECK_FALSE(document->find_one(*JsonPath::compile("$.b")));
}

TEST_CASE("what is no JSON, too deep or too large is not read") {
  for (const auto* text : {"", "{", "[1,]", "{'a': 1}", "[1] 2", "\xff", "\"\xff\"", "nil"}) {
    CAPTURE(text);
    CHECK_FALSE(JsonDocument::parse(text));
  }
  const auto nested = [](std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  };
  CHECK(JsonDocument::parse(nested(JsonDocument::max_depth)));
  CHECK_FALSE(JsonDocument::parse(nested(JsonDocument::max_depth + 1)));
  CHECK_FALSE(JsonDocument::parse(nested(100'000)));
  const auto sized = [](std::size_t size) { return '"' + std::string(size - 2, 'x') + '"'; };
  CHECK(JsonDocument::parse(sized(JsonDocument::max_bytes)));
  CHECK_FALSE(JsonDocument::parse(sized(JsonDocument::max_bytes + 1)));
}

TEST_CASE("no more is found than asked for") {
  std::string text = "[0";
  for (int i = 1; i < 1000; ++i) text += "," + std::to_string(i);
  CHECK(found(text + "]", "$[*]").size() == JsonDocument::max_found);
}

TEST_CASE("a document may be moved") {
  auto first = JsonDocument::parse("[1, \"a long enough text to be no small string\"]");
  auto second = std::move(*first);
  first.reset();
  CHECK(second.find(*JsonPath::compile("$[0]")) == Texts{"1"});
}

TEST_CASE("a path that is not in order is explained") {
  const auto problem = [](std::string_view text) { return JsonPath::compile(text).error(); };
  CHECK(problem("") == "it does not begin with $");
  CHECK(problem("items") == "it does not begin with $");
  CHECK(problem("$items") == "after a step comes . or [, not 'i'");
  CHECK(problem("$.") == "a name is missing after a dot; other names are written ['...']");
  CHECK(problem("$..id") == ".. is not supported; name every step");
  CHECK(problem("$.*") == "for every member write [*]");
  CHECK(problem("$[") == "in brackets stands *, a 'name' or a number from 0");
  CHECK(problem("$[-1]") == "in brackets stands *, a 'name' or a number from 0");
  CHECK(problem("$[99999999999]") == "in brackets stands *, a 'name' or a number from 0");
  CHECK(problem("$[0") == "a bracket is not closed");
  CHECK(problem("$['a]") == "a quoted name has no end");
  CHECK(problem("$['a'") == "a bracket is not closed");
  CHECK(problem(R"($['a\n'])") ==
        "a backslash in a quoted name stands before a quote or a backslash");
  CHECK(problem("$.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a") == "it has more than 16 steps");
}
