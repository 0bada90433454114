#include "policies/date.hpp"

#include <doctest/doctest.h>

using namespace pannier::policies;

TEST_CASE("a date is read with dashes or without, and written with them") {
  const auto date = parse_date("2026-11-21");
  REQUIRE(date);
  CHECK(date == parse_date("20261121"));
  CHECK(date_text(*date) == "2026-11-21");
  CHECK(date_text(*parse_date("2024-02-29")) == "2024-02-29");
}

TEST_CASE("what no calendar has is no date") {
  for (const auto* text : {"", "2026", "2026-13-01", "2026-02-29", "2026-11-31", "2026-00-10",
                           "2026/11/21", "2026-1-021", "2026-11-2x", "202611211", "-0261121"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_date(text));
  }
}

TEST_CASE("a day begins at midnight UTC and ends before the next") {
  const auto day = *parse_date("2026-11-21");
  const ServerTime midnight{milliseconds(day.time_since_epoch())};
  CHECK(date_of(midnight) == day);
  CHECK(date_of(midnight - milliseconds(1)) == *parse_date("2026-11-20"));
  CHECK(date_of(midnight + std::chrono::hours(24) - milliseconds(1)) == day);
}
