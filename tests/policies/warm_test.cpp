#include "policies/warm.hpp"

#include <doctest/doctest.h>

using namespace pannier::policies;

TEST_CASE("the keys of a warm set name days by how long ago they were") {
  const WarmSettings set{"w", {"plain", "day:{today}", "day:{today-1}:all", "a{{b}"}};
  const auto keys = warm_keys(set, *parse_date("2026-03-01"));
  CHECK(keys == std::vector<std::string>{"plain", "day:2026-03-01", "day:2026-02-28:all", "a{b}"});
}

TEST_CASE("what is no day is refused") {
  CHECK(objection_to_warm_key("a:{today-30}").empty());
  for (const auto* key : {"", "a:{", "a:{}", "a:{today-}", "a:{today--1}", "a:{today-9999}",
                          "a:{tomorrow}", "{today"}) {
    CAPTURE(key);
    CHECK_FALSE(objection_to_warm_key(key).empty());
  }
}
