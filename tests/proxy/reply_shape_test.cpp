#include "proxy/reply_shape.hpp"

#include <doctest/doctest.h>

using namespace pannier::proxy;

namespace {

const std::vector<std::string> roots{"stats", "tag"};

std::string shaped(std::string_view shape, std::string body, unsigned status = 200) {
  const auto parsed = ReplyShape::parse(shape, roots);
  REQUIRE(parsed.has_value());
  Response answer;
  answer.status = status;
  answer.body = std::move(body);
  auto out = (*parsed)->apply(std::move(answer), "stats", {{"tag", "a\"b"}}).body;
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

std::string wrong(std::string_view shape) {
  const auto parsed = ReplyShape::parse(shape, roots);
  return parsed ? "nothing" : parsed.error();
}

}  // namespace

TEST_CASE("A text that is one field keeps the type of what it finds") {
  constexpr auto body = R"({"a":{"n":7,"f":0.5,"b":true,"l":[1,"x"]},"z":null})";
  CHECK(shaped(R"({"x":"{stats.a.n}"})", body) == R"({"x":7})");
  CHECK(shaped(R"(["{stats.a.f}","{stats.a.b}","{stats.z}"])", body) == "[5E-1,true,null]");
  CHECK(shaped(R"("{stats.a.l}")", body) == R"([1,"x"])");
  CHECK(shaped(R"("{stats.a.l.1}")", body) == R"("x")");
  CHECK(shaped(R"("{stats}")", "[1]") == "[1]");
}

TEST_CASE("What is not there is null, alone and in a text") {
  for (const auto* field : {"stats.no", "stats.a.no.deeper", "stats.a.n.x", "stats.0"}) {
    CHECK(shaped("\"{" + std::string(field) + "}\"", R"({"a":{"n":7}})") == "null");
  }
  CHECK(shaped(R"("is {stats.no}")", "{}") == R"("is null")");
}

TEST_CASE("Several fields in a text are written one behind the other") {
  CHECK(shaped(R"("{stats.n} of {tag}, {stats.t}!")", R"({"n":7,"t":"all"})") ==
        R"("7 of a\"b, all!")");
}

TEST_CASE("The shape's own values stay as they are") {
  CHECK(shaped(R"({"a":1,"b":[null,true,"x"],"c":{}})", "0") ==
        R"({"a":1,"b":[null,true,"x"],"c":{}})");
}

TEST_CASE("count is a number always, and queued says that it is not done") {
  CHECK(shaped(R"(["{count}","{queued}"])", "7") == "[7,false]");
  CHECK(shaped(R"(["{count}","{queued}"])", "\"journaled: ...\"", 202) == "[0,true]");
  CHECK(shaped(R"(["{count}","{queued}"])", R"({"job":3})", 202) == "[0,true]");
}

TEST_CASE("An error keeps its own shape") {
  CHECK(shaped(R"({"a":"{count}"})", R"({"error":"no"})", 400) == R"({"error":"no"})");
}

TEST_CASE("What names no field is refused") {
  CHECK(wrong("{") == "it is not JSON");
  CHECK(wrong(R"("{stats")") == "the braces of '{stats' do not match up");
  CHECK(wrong(R"("stats}")") == "the braces of 'stats}' do not match up");
  CHECK(wrong(R"(["a",{"b":"{statz.a}"}])") ==
        "there is no 'statz' for '{statz.a}' (did you mean 'stats'?)");
  CHECK(wrong(R"("{count.a}")") == "'count.a' is not the name of a field");
  CHECK(wrong(R"("{stats..a}")") == "'stats..a' is not the name of a field");
  CHECK(wrong(R"("{}")").starts_with("there is no ''"));
}
