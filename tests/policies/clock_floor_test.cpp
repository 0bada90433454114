#include "policies/clock_floor.hpp"

#include <doctest/doctest.h>

namespace pannier::policies {

namespace {

constexpr ServerTime noon{milliseconds(1'700'000'000'000)};
constexpr TimePoint start{seconds(100)};

}  // namespace

TEST_CASE("A floor is what upstream said, moved on by the time since") {
  ClockFloor clock;
  clock.set(noon, start);
  CHECK(clock.at(start) == noon);
  CHECK(clock.at(start + milliseconds(250)) == noon + milliseconds(250));
  CHECK(clock.at(start + microseconds(1'999)) == noon + milliseconds(1));
}

TEST_CASE("A reply that was long on its way takes nothing back") {
  ClockFloor clock;
  clock.set(noon, start);
  const auto asked = clock.at(start);
  SUBCASE("it says less than is known by now") {
    clock.learn(noon + milliseconds(5), asked, start + milliseconds(80));
    CHECK(clock.at(start + milliseconds(80)) == noon + milliseconds(80));
  }
  SUBCASE("the first one was: then it tells more") {
    clock.learn(noon + milliseconds(90), asked, start + milliseconds(80));
    CHECK(clock.at(start + milliseconds(81)) == noon + milliseconds(91));
  }
  SUBCASE("what it says was over before it was asked: the clock was set back") {
    clock.learn(noon - seconds(3), asked, start + milliseconds(80));
    CHECK(clock.at(start + milliseconds(80)) == noon - seconds(3));
  }
}

TEST_CASE("A clock that is slower than ours is followed") {
  ClockFloor clock;
  clock.set(noon, start);
  for (int second = 1; second <= 3'600; ++second) {
    // It loses a hundredth; a reply takes 2 ms each way.
    const auto sent = start + seconds(second);
    const auto there = noon + milliseconds(second * 990);
    clock.learn(there, clock.at(sent), sent + milliseconds(4));
    CHECK(clock.at(sent + milliseconds(4)) <= there + milliseconds(14));
  }
}

TEST_CASE("What is not TIME's reply tells no time") {
  CHECK(ClockFloor::parse("*2\r\n$10\r\n1700000000\r\n$6\r\n123456\r\n") ==
        noon + milliseconds(123));
  for (const auto* reply : {"-NOPERM no\r\n", "*1\r\n$1\r\n1\r\n", "*2\r\n$1\r\nx\r\n$1\r\n1\r\n",
                            "+OK\r\n", "_\r\n"}) {
    CHECK_FALSE(ClockFloor::parse(reply));
  }
}

}  // namespace pannier::policies
