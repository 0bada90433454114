#include "policies/seen_versions.hpp"

#include <doctest/doctest.h>

using pannier::policies::SeenVersions;

TEST_CASE("The newest version of each name is remembered") {
  SeenVersions seen;
  CHECK_FALSE(seen.saw(1, 1));
  CHECK(seen.newest(1) == 0);
  seen.note(1, 5);
  seen.note(1, 3);
  seen.note(2, 1);
  CHECK(seen.newest(1) == 5);
  CHECK(seen.saw(1, 5));
  CHECK(seen.saw(1, 4));
  CHECK_FALSE(seen.saw(1, 6));
  CHECK(seen.newest(2) == 1);
}

TEST_CASE("Where there is no room for a name it counts as seen, and its newest is not known") {
  SeenVersions seen;
  for (std::uint32_t name = 0; name < SeenVersions::capacity; ++name) seen.note(name, 7);
  seen.note(99'999, 7);
  CHECK(seen.saw(99'999, 8));
  CHECK(seen.newest(99'999) == 0);
  CHECK(seen.newest(3) == 7);
  CHECK_FALSE(seen.saw(3, 8));
}

TEST_CASE("What comes before an older answer must not be newer") {
  SeenVersions seen;
  CHECK_FALSE(seen.is_too_new(1, 2, 5));
  seen.fell_back(1, 1, 7);
  CHECK(seen.is_too_new(1, 2, 6));
  CHECK_FALSE(seen.is_too_new(1, 1, 6));
  CHECK_FALSE(seen.is_too_new(1, 2, 7));
  CHECK_FALSE(seen.is_too_new(1, 2, 8));
  CHECK_FALSE(seen.is_too_new(2, 2, 6));
}
