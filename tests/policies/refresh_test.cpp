#include "policies/refresh.hpp"

#include <doctest/doctest.h>

#include "policies/throttle.hpp"
#include "subjects.hpp"

using namespace pannier::policies;

namespace {

constexpr Life life{milliseconds(10'000), milliseconds(12'000)};  // A stale window of two seconds.

Standing of_age(std::int64_t ms) {
  return {Standing::State::fresh, life.total - milliseconds(ms), milliseconds(ms)};
}

TierSettings tier_with(std::string_view refresh) {
  auto tier = tier_of(life.fresh, life.total - life.fresh);
  REQUIRE(parse_setting(refresh, tier.refresh).empty());
  return tier;
}

}  // namespace

TEST_CASE("Without refresh a value is due at the end of its TTL, not of its stale window") {
  CHECK(until_refresh(tier_with("off"), life, of_age(1'000), seconds(1), .5) == seconds(9));
}

TEST_CASE("A share of the TTL is counted from when the load began") {
  const auto tier = tier_with("40%");
  CHECK(until_refresh(tier, life, of_age(0), seconds(1), .5) == seconds(4));
  CHECK(until_refresh(tier, life, of_age(4'000), seconds(1), .5) == seconds(0));
  CHECK(until_refresh(tier, life, of_age(9'000), seconds(1), .5) == seconds(-5));
}

TEST_CASE("XFetch is early by about a load, and the later the draw the less") {
  const auto tier = tier_with("xfetch");
  CHECK(until_refresh(tier, life, of_age(8'000), seconds(1), 1.0) == seconds(2));
  const auto usual = until_refresh(tier, life, of_age(8'000), seconds(1), .3679);
  CHECK(usual > milliseconds(990));
  CHECK(usual < milliseconds(1'010));
  CHECK(until_refresh(tier, life, of_age(8'000), seconds(1), 1e-4) < seconds(0));
  CHECK(until_refresh(tier, life, of_age(8'000), seconds(0), 1e-4) == seconds(2));
}

TEST_CASE("Of 100 readers a second one is early enough with XFetch, and seldom many are") {
  const auto tier = tier_with("xfetch");
  int first = 0, together = 0;
  for (std::uint64_t round = 0; round < 200; ++round) {
    int drawn = 0;
    for (int ms = 0; ms < 10'000 && drawn == 0; ms += 10) {
      const auto number = draw("key", TimePoint(milliseconds(ms)), round);
      if (until_refresh(tier, life, of_age(ms), milliseconds(500), number) <= seconds(0)) {
        ++drawn;
        together += ms < 5'000;
      }
    }
    first += drawn;
  }
  CHECK(first == 200);
  CHECK(together < 10);  // Half of the TTL before its end is hardly ever drawn.
}

TEST_CASE("Draws differ and are spread") {
  double sum = 0;
  for (std::uint64_t i = 0; i < 1'000; ++i) {
    const auto number = draw("key", TimePoint(seconds(1)), i);
    REQUIRE(number > 0);
    REQUIRE(number <= 1);
    sum += number;
  }
  CHECK(sum > 450);
  CHECK(sum < 550);
}

TEST_CASE("A throttle holds a key until its time is over or it is released") {
  Throttle throttle;
  const TimePoint start(seconds(1));
  CHECK_FALSE(throttle.holds("k", start));
  throttle.hold("k", start, start + seconds(5));
  CHECK(throttle.holds("k", start + seconds(4)));
  CHECK_FALSE(throttle.holds("other", start));
  CHECK_FALSE(throttle.holds("k", start + seconds(5)));
  throttle.release("k");
  CHECK_FALSE(throttle.holds("k", start));
}

TEST_CASE("A throttle is bounded, and forgets what is over first") {
  Throttle throttle;
  const TimePoint start(seconds(1));
  throttle.hold("stays", start, start + seconds(100));
  for (std::size_t i = 0; i + 1 < Throttle::capacity; ++i) {
    throttle.hold(std::to_string(i), start, start + seconds(1));
  }
  throttle.hold("last", start + seconds(2), start + seconds(9));
  CHECK(throttle.holds("stays", start + seconds(3)));
  CHECK(throttle.holds("last", start + seconds(3)));
}
