// Which misses are outdated by the removal of their key.

#include <doctest/doctest.h>

#include "policies/open_misses.hpp"

using namespace pannier::policies;

namespace {

const TimePoint start(seconds(1'000));
const ServerTime server{milliseconds(1'700'000'000'000)};

bool is_outdated(OpenMisses& misses, std::string_view key = "k") {
  const auto miss = misses.take(key, start);
  REQUIRE(miss);
  return miss->outdated;
}

}  // namespace

TEST_CASE("A miss is outdated by a removal after it, and not by one before") {
  OpenMisses misses;
  misses.removed("k", 5);
  misses.add("k", server, start, {6, {}});
  misses.add("other", server, start, {6, {}});
  CHECK_FALSE(is_outdated(misses));
  misses.add("k", server, start, {7, {}});
  misses.removed("k", 8);
  CHECK(is_outdated(misses));
  CHECK_FALSE(is_outdated(misses, "other"));
}

TEST_CASE("A miss that was asked before a removal is outdated even if its answer comes later") {
  OpenMisses misses;
  misses.removed("k", 5);
  misses.add("k", server, start, {4, {}});
  CHECK(is_outdated(misses));
}

TEST_CASE("While an outdated miss is open, no SET can be told from the one that ends it") {
  OpenMisses misses;
  misses.add("k", server, start, {1, {}});
  misses.removed("k", 2);
  misses.add("k", server, start, {3, {}});
  CHECK(is_outdated(misses));
  CHECK(is_outdated(misses));
  CHECK(misses.size() == 0);
  misses.add("k", server, start, {4, {}});
  CHECK_FALSE(is_outdated(misses));
}

TEST_CASE("The oldest miss's record counts, and who was told without a look has an older one's") {
  OpenMisses misses;
  misses.add("k", server, start, {1, "first"});
  misses.add("k", server, start + seconds(2), {2, "second"});
  CHECK(misses.look("k", start + seconds(2))->generation == "first");
  misses.add("l", server, start, {1, "first"});
  misses.add("l", server, start + seconds(9));
  CHECK(misses.look("l", start + seconds(15))->generation == "first");
  misses.add("m", server, start);
  CHECK_FALSE(misses.look("m", start)->generation);
}

TEST_CASE("When everything may have been removed, all open misses are outdated") {
  OpenMisses misses;
  misses.add("k", server, start, {1, {}});
  misses.all_removed(2);
  misses.add("l", server, start, {1, {}});
  misses.add("m", server, start, {2, {}});
  CHECK(is_outdated(misses));
  CHECK(is_outdated(misses, "l"));
  CHECK_FALSE(is_outdated(misses, "m"));
}
