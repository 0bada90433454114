#include "proxy/admin_body.hpp"

#include <doctest/doctest.h>

using namespace pannier::proxy;

namespace {

std::string wrong(std::string_view body) {
  const auto what = invalidation_of_json(body);
  return what ? "nothing" : what.error();
}

}  // namespace

TEST_CASE("A body names everything at once") {
  const auto what = invalidation_of_json(
      R"({"keys":["k"],"tags":["a","b"],"all_of":[["a","b"],["c"]],"patterns":["x*"],)"
      R"("ranges":[{"rule":"r","from":"2026-11-01","to":"2026-11-30"}],)"
      R"("rules":["s"],"soft":true})");
  REQUIRE(what.has_value());
  CHECK(what->keys == std::vector<std::string>{"k"});
  CHECK(what->tags == std::vector<std::string>{"a", "b"});
  CHECK(what->all_of == std::vector<std::vector<std::string>>{{"a", "b"}, {"c"}});
  CHECK(what->patterns == std::vector<std::string>{"x*"});
  CHECK(what->rules == std::vector<std::string>{"s"});
  REQUIRE(what->ranges.size() == 1);
  CHECK(what->ranges[0].rule == "r");
  CHECK(pannier::policies::date_text(what->ranges[0].to) == "2026-11-30");
  CHECK(what->soft);
}

TEST_CASE("A word that would be an option in a path is a name in a body") {
  const auto what = invalidation_of_json(R"({"tags":["SOFT","ALL"]})");
  REQUIRE(what.has_value());
  CHECK(what->tags == std::vector<std::string>{"SOFT", "ALL"});
  CHECK(!what->soft);
}

TEST_CASE("What is not understood is refused whole") {
  CHECK(wrong("[]") == "the body is not a JSON object");
  CHECK(wrong("{}") == "it names nothing to invalidate");
  CHECK(wrong(R"({"soft":true})") == "it names nothing to invalidate");
  CHECK(wrong(R"({"tags":["a"],"key":["b"]})") == "there is no 'key' (did you mean 'keys'?)");
  CHECK(wrong(R"({"tags":"a"})") == "'tags' is not a list");
  CHECK(wrong(R"({"tags":[7]})") == "'tags' has something that is no text, or empty");
  CHECK(wrong(R"({"tags":[""]})") == "'tags' has something that is no text, or empty");
  CHECK(wrong(R"({"all_of":["a"]})") == "'all_of' is not a list");
  CHECK(wrong(R"({"all_of":[[]]})") == "a list of 'all_of' is empty");
  CHECK(wrong(R"({"ranges":[{"rule":"r","from":"2026-02-30","to":"2026-03-01"}]})") ==
        "'2026-02-30' is no date; write 2026-11-21");
  CHECK(wrong(R"({"ranges":[{"rule":"r","from":"2026-03-02","to":"2026-03-01"}]})") ==
        "a range ends before it begins");
  CHECK(wrong(R"({"ranges":[{"rule":"r","from":"2026-03-02"}]})") ==
        "a range has 'rule', 'from' and 'to'");
  CHECK(wrong(R"({"ranges":[7]})") == "a range has 'rule', 'from' and 'to'");
}
