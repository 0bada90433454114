#include "policies/second_tier.hpp"

#include <doctest/doctest.h>

using namespace pannier::policies;

TEST_CASE("A moment is written as PostgreSQL reads it") {
  CHECK(timestamp_text(ServerTime(milliseconds(0))) == "1970-01-01 00:00:00.000+00");
  CHECK(timestamp_text(ServerTime(milliseconds(1'763'788'454'123))) ==
        "2025-11-22 05:14:14.123+00");
}

TEST_CASE("A glob as a pattern of LIKE matches at least as much") {
  CHECK(like_of_glob("a:1") == "a:1");
  CHECK(like_of_glob("a:*") == "a:%");
  CHECK(like_of_glob("a:?:b") == "a:%:b");
  CHECK(like_of_glob("a:[xy]?*:b") == "a:%:b");
  CHECK(like_of_glob("a:[^x]") == "a:%");
  CHECK(like_of_glob("50%_off") == "50\\%\\_off");
  CHECK(like_of_glob("a\\*b") == "a*b");
  CHECK(like_of_glob("a\\\\b") == "a\\\\b");
  CHECK(like_of_glob("%*") == "\\%%");
  CHECK(like_of_glob("a[bc") == "a%");
  CHECK(like_of_glob("a[\\]]b") == "a%b");
}

TEST_CASE("Tags are an array of texts, whatever they hold") {
  CHECK(array_text({}) == "{}");
  CHECK(array_text({"a", "b c", "d\"e", "f\\g", "{,}"}) == R"({"a","b c","d\"e","f\\g","{,}"})");
}

TEST_CASE("The value for a bytea is written in digits") {
  SecondTierSettings table;
  CHECK(row_value(table, "a\xff") == "a\xff");
  table.bytea = true;
  CHECK(row_value(table, std::string_view("a\0\xff", 3)) == "\\x6100ff");
}
