#include "policies/ban.hpp"

#include <doctest/doctest.h>

using namespace pannier::policies;

namespace {

Date date(const char* text) { return *parse_date(text); }

Ban dates(const char* from, const char* to) {
  return {Ban::Kind::dates, false, "usage", {}, {date(from), date(to)}};
}

}  // namespace

TEST_CASE("a ban on tags covers keys that have all of them") {
  const Ban ban{Ban::Kind::tags, false, {}, {"a", "b"}, {}};
  const std::vector<std::string> both{"a", "b", "c"}, one{"a"};
  CHECK(ban.covers({"k", both, "r", {}}));
  CHECK_FALSE(ban.covers({"k", one, "r", {}}));
  CHECK_FALSE(ban.covers({"k", {}, "r", {}}));
}

TEST_CASE("a ban on days covers keys of its rule that share one of them") {
  const auto ban = dates("2026-11-10", "2026-11-20");
  const auto covers = [&](const char* from, const char* to) {
    return ban.covers({"k", {}, "usage", DateRange{date(from), date(to)}});
  };
  CHECK(covers("2026-11-20", "2026-11-30"));
  CHECK(covers("2026-11-01", "2026-11-10"));
  CHECK(covers("2026-11-01", "2026-12-31"));
  CHECK(covers("2026-11-12", "2026-11-12"));
  CHECK_FALSE(covers("2026-11-21", "2026-11-30"));
  CHECK_FALSE(covers("2026-11-01", "2026-11-09"));
  CHECK_FALSE(ban.covers({"k", {}, "other", DateRange{date("2026-11-12"), date("2026-11-12")}}));
}

TEST_CASE("a key of the rule that says no days is covered: too much rather than too little") {
  CHECK(dates("2026-11-10", "2026-11-20").covers({"k:all", {}, "usage", {}}));
}

TEST_CASE("the text of a ban is read back as the same ban") {
  using Kind = Ban::Kind;
  const std::string hostile("a\0\n5:}{*\\", 9);
  for (const auto& ban :
       {Ban{}, Ban{Kind::pattern, true, hostile, {}, {}}, Ban{Kind::pattern, false, "", {}, {}},
        Ban{Kind::tags, false, {}, {hostile, "", "b"}, {}}, dates("0001-01-01", "9999-12-31")}) {
    const auto text = ban.text();
    CAPTURE(text);
    const auto again = Ban::parse(text);
    REQUIRE(again);
    CHECK(again->text() == text);
    CHECK(again->kind == ban.kind);
    CHECK(again->soft == ban.soft);
    CHECK(again->name == ban.name);
    CHECK(again->tags == ban.tags);
  }
}

TEST_CASE("what is no ban is not read as one") {
  for (const auto* text : {"", "p", "pz*", "zh*", "th", "th1:", "th9:abc", "thx", "dh2026-11-21",
                           "dh2026-13-01x2026-11-21r"}) {
    CAPTURE(text);
    CHECK_FALSE(Ban::parse(text));
  }
}
