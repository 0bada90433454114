#include "policies/open_misses.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

using namespace pannier::policies;

namespace {

constexpr microseconds instant{1};
const TimePoint start(seconds(1'000));

ServerTime server(std::int64_t ms) { return ServerTime(milliseconds(1'700'000'000'000 + ms)); }

}  // namespace

TEST_CASE("A SET of a key that nobody missed belongs to no miss") {
  OpenMisses misses;
  misses.add("k", server(0), start);
  CHECK_FALSE(misses.take("other", start));
  CHECK(misses.size() == 1);
}

TEST_CASE("A SET that follows a miss is told when the key was missing and when that was said") {
  OpenMisses misses;
  misses.add("k", server(5), start);
  const auto miss = misses.take("k", start + seconds(1));
  REQUIRE(miss);
  CHECK(miss->at == server(5));
  CHECK(miss->told == start);
}

TEST_CASE("One miss belongs to one SET") {
  OpenMisses misses;
  misses.add("k", server(5), start);
  REQUIRE(misses.take("k", start));
  CHECK_FALSE(misses.take("k", start));
  CHECK(misses.size() == 0);
}

TEST_CASE("Of several misses of a key the oldest counts for every SET that may belong to one") {
  OpenMisses misses;
  misses.add("k", server(5), start);
  misses.add("k", server(50), start + milliseconds(45));
  misses.add("k", server(90), start + milliseconds(85));
  const auto now = start + milliseconds(100);
  for (int set = 0; set < 3; ++set) {
    const auto miss = misses.take("k", now);
    REQUIRE(miss);
    CHECK(miss->at == server(5));
  }
  CHECK_FALSE(misses.take("k", now));
}

TEST_CASE("The oldest miss is the one of the earliest server time, whichever is told first") {
  OpenMisses misses;
  misses.add("k", server(50), start);
  misses.add("k", server(5), start + milliseconds(1));
  const auto miss = misses.take("k", start + milliseconds(2));
  REQUIRE(miss);
  CHECK(miss->at == server(5));
}

TEST_CASE("Misses of different keys have nothing to do with each other") {
  OpenMisses misses;
  misses.add("k", server(5), start);
  misses.add("l", server(50), start);
  CHECK(misses.take("l", start)->at == server(50));
  CHECK(misses.take("k", start)->at == server(5));
}

TEST_CASE("A miss that nobody filled within ten seconds is not waited for any more") {
  OpenMisses misses;
  misses.add("k", server(0), start);
  misses.add("l", server(0), start);
  CHECK(misses.take("k", start + OpenMisses::hold - instant));
  CHECK_FALSE(misses.take("l", start + OpenMisses::hold + instant));
}

TEST_CASE("A load's miss is its own, and no client's") {
  OpenMisses misses;
  misses.add("k", server(5), start, {}, 7);
  misses.add("k", server(50), start);
  misses.add("k", server(90), start, {}, 8);
  CHECK(misses.oldest("k", start) == server(5));
  CHECK(misses.take_load("k", 8)->at == server(90));
  CHECK_FALSE(misses.take_load("k", 8));
  CHECK(misses.take("k", start)->at == server(50));
  CHECK_FALSE(misses.take("k", start));
  CHECK(misses.take_load("k", 7)->at == server(5));
  CHECK(misses.size() == 0);
}

TEST_CASE("A load that a removal overtook is outdated, another is not") {
  OpenMisses misses;
  misses.add("k", server(5), start, {1, std::nullopt}, 7);
  misses.removed("k", 3);
  misses.add("k", server(50), start, {4, std::nullopt}, 8);
  CHECK(misses.take_load("k", 7)->outdated);
  CHECK_FALSE(misses.take_load("k", 8)->outdated);
}

TEST_CASE("What is left of a key when a load has ended may be too old") {
  OpenMisses misses;
  misses.add("k", server(0), start);
  misses.add("l", server(5'000), start + seconds(5));
  misses.add("k", server(9'000), start + seconds(9), {}, 7);
  misses.take_load("k", 7);
  SUBCASE("to be the oldest") { CHECK_FALSE(misses.oldest("k", start + seconds(11))); }
  SUBCASE("to be taken") { CHECK_FALSE(misses.take("k", start + seconds(11))); }
  CHECK(misses.size() == 1);
}

TEST_CASE("A load that never ends is forgotten, with its key") {
  OpenMisses misses;
  misses.add("k", server(5), start, {}, 7);
  misses.forget_old(start + OpenMisses::hold + instant);
  CHECK(misses.size() == 0);
  CHECK_FALSE(misses.take_load("k", 7));
}

TEST_CASE("A young miss counts although an older one of the same key is past its time") {
  OpenMisses misses;
  misses.add("k", server(0), start);
  misses.add("k", server(9'000), start + seconds(9));
  const auto miss = misses.take("k", start + seconds(11));
  REQUIRE(miss);
  CHECK(miss->at <= server(9'000));
}

TEST_CASE("A young miss outlives the sweep of an older one of the same key") {
  OpenMisses misses;
  misses.add("k", server(0), start);
  misses.add("k", server(9'000), start + seconds(9));
  misses.forget_old(start + seconds(11));
  const auto miss = misses.take("k", start + seconds(11));
  REQUIRE(miss);
  CHECK(miss->at <= server(9'000));
}

TEST_CASE("Old misses are forgotten and young ones stay") {
  OpenMisses misses;
  misses.add("old", server(0), start);
  misses.add("young", server(5'000), start + seconds(5));
  misses.forget_old(start + OpenMisses::hold + instant);
  CHECK(misses.size() == 1);
  CHECK(misses.take("young", start + seconds(11)));
  misses.forget_old(start + seconds(60));
  CHECK(misses.size() == 0);
}

TEST_CASE("A full table forgets the oldest miss and counts it") {
  OpenMisses misses;
  for (std::size_t i = 0; i < OpenMisses::capacity; ++i) {
    misses.add("k" + std::to_string(i), server(0), start);
  }
  CHECK(misses.dropped() == 0);
  misses.add("new", server(0), start);
  CHECK(misses.size() == OpenMisses::capacity);
  CHECK(misses.dropped() == 1);
  CHECK_FALSE(misses.take("k0", start));
  CHECK(misses.take("k1", start));
  CHECK(misses.take("new", start));
}

TEST_CASE("A miss that only grew old is not counted as dropped") {
  OpenMisses misses;
  misses.add("k", server(0), start);
  misses.forget_old(start + seconds(60));
  CHECK(misses.dropped() == 0);
}

TEST_CASE("A miss is not remembered longer because the key is missed again and again") {
  OpenMisses misses;
  for (int ms = 0; ms < 60'000; ms += 100) {
    misses.add("k", server(ms), start + milliseconds(ms));
  }
  const auto miss = misses.take("k", start + seconds(60));
  REQUIRE(miss);
  CHECK(miss->at <= server(50'000));
  CHECK(miss->at >= server(48'500));
}

TEST_CASE("While loads take ten seconds at most, no SET is told a later miss than its own") {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    OpenMisses misses;
    std::vector<std::int64_t> loading;  // When each client that will send a SET missed the key.
    std::int64_t ms = 0;
    for (int step = 0; step < 300; ++step) {
      ms += static_cast<std::int64_t>(random() % 700);
      const auto now = start + milliseconds(ms);
      if (random() % 2 == 0) {
        misses.add("k", server(ms), now);
        if (random() % 4 > 0) loading.push_back(ms);  // Else it never sends one.
        continue;
      }
      std::erase_if(loading, [&](std::int64_t missed) { return ms - missed > 10'000; });
      if (loading.empty()) continue;
      const auto chosen = loading.begin() + static_cast<std::ptrdiff_t>(random() % loading.size());
      const auto missed = *chosen;
      loading.erase(chosen);
      const auto miss = misses.take("k", now);
      REQUIRE(miss);
      REQUIRE(miss->at <= server(missed));
    }
  }
}
