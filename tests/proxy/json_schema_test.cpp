#include "proxy/json_schema.hpp"

#include <doctest/doctest.h>

using namespace pannier::proxy;

namespace {

JsonSchema schema(std::string_view json) {
  auto made = JsonSchema::compile(json);
  REQUIRE_MESSAGE(made.has_value(), made.error());
  return std::move(*made);
}

std::string error(std::string_view json) {
  const auto made = JsonSchema::compile(json);
  return made ? "nothing" : made.error();
}

constexpr std::string_view clear_cache = R"({
  "type": "object", "required": ["startDate", "endDate"],
  "properties": {"startDate": {"type": "string", "format": "date"},
                 "endDate": {"type": "string", "format": "date"},
                 "seen": {"type": "array", "items": {"type": "string", "format": "date-time"}}},
  "additionalProperties": false})";

}  // namespace

TEST_CASE("A payload that fits its schema has no objection to it") {
  const auto clear = schema(clear_cache);
  CHECK(clear.objection(R"({"startDate": "2024-02-29", "endDate": "2026-01-01"})") == "");
  CHECK(clear.objection(R"({"startDate": "2024-02-29", "endDate": "2026-01-01",
                            "seen": ["2026-01-01T10:20:30Z", "2026-01-01t10:20:60.25+02:00"]})") ==
        "");
}

TEST_CASE("What is missing, of another type or not a date is named with its place") {
  const auto clear = schema(clear_cache);
  const auto with = [&](std::string_view start) {
    return clear.objection("{\"startDate\": " + std::string(start) +
                           ", \"endDate\": \"2026-01-01\"}");
  };
  CHECK(clear.objection("{}").find("startDate") != std::string::npos);
  CHECK(with("7").starts_with("startDate: "));
  CHECK(with("\"2026-02-29\"") == "startDate: '2026-02-29' is not a date such as 2026-11-21");
  CHECK(with("\"20260101\"").starts_with("startDate: '20260101' is not a date"));
  CHECK(with("\"2026-01-01\", \"more\": 1") != "");
  CHECK(with("\"2026-01-01\", \"seen\": [\"2026-01-01T10:20:30Z\", \"10:20\"]") ==
        "seen[1]: '10:20' is not a time such as 2026-11-21T10:20:30Z");
  CHECK(with("\"2026-01-01\", \"seen\": [\"2026-01-01T25:20:30Z\"]") != "");
  CHECK(clear.objection("[]") != "");
  CHECK(clear.objection("{").starts_with("it is not JSON: "));
}

TEST_CASE("Enumerations, patterns, bounds and schemas within the schema are checked") {
  const auto made = schema(R"({"definitions": {"id": {"type": "integer", "minimum": 1}},
      "properties": {"id": {"$ref": "#/definitions/id"}, "kind": {"enum": ["a", "b"]},
                     "name": {"type": "string", "pattern": "^[a-z]+$", "maxLength": 5}}})");
  CHECK(made.objection(R"({"id": 1, "kind": "a", "name": "abc"})") == "");
  CHECK(made.objection(R"({"id": 0})") != "");
  CHECK(made.objection(R"({"kind": "c"})") != "");
  CHECK(made.objection(R"({"name": "A"})") != "");
  CHECK(made.objection(R"({"name": "abcdef"})") != "");
}

TEST_CASE("Texts that a regular expression would recurse over, and deep nesting, are refused") {
  const auto made =
      schema(R"({"properties": {"name": {"type": "string", "pattern": "^(a|b)*$"}}})");
  CHECK(made.objection("{\"name\": \"" + std::string(1'000, 'a') + "\"}") == "");
  CHECK(made.objection("{\"name\": \"" + std::string(60'000, 'a') + "\"}") ==
        "a text has more than 1024 bytes");
  const auto dates = schema(clear_cache);
  CHECK(dates.objection("{\"startDate\": \"" + std::string(60'000, '1') +
                        "\", \"endDate\": \"\"}") != "");
  CHECK(made.objection(std::string(100'000, '[')).starts_with("it is not JSON: "));
}

TEST_CASE("A schema that cannot be understood, or lies elsewhere, is refused") {
  CHECK(error("[]") == "it is not a map");
  CHECK(error("{").starts_with("it is not JSON: "));
  CHECK(error(R"({"$ref": "http://example.com/s.json"})") != "nothing");
  CHECK(error(R"({"$ref": "other.json#/a"})") != "nothing");
  CHECK(error(R"({"type": "objekt"})") != "nothing");
  CHECK(error(R"({"properties": {"a": {"pattern": "("}}})") != "nothing");
  CHECK(error(R"({"properties": {"a": {"format": "email"}}})") ==
        "format 'email' is unknown; there are date and date-time");
  CHECK(error(R"({"anyOf": [{"properties": {"a": {"format": "date"}}}]})") ==
        "format is understood below properties and items only");
}
