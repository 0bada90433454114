#include <doctest/doctest.h>

#include "policies/local_copies.hpp"
#include "policies/self_check.hpp"

namespace pannier::policies {

namespace {

using std::chrono::hours;

/// A second is the least that is looked at here: deadlines are kept in steps of 16 ms.
struct Kept {
  LocalCopies copies;
  TimePoint now = TimePoint(hours(1));

  Kept() {
    copies.resize(1u << 20);
    copies.answered(0, now, 1);
  }
  bool keep(std::string_view key, seconds life, seconds past_end, std::string_view question = {}) {
    const auto view = copies.look(key, now, true);
    return copies.replace(0, key, view, question, "$1\r\nx\r\n", now + life, now, past_end);
  }
  bool finds(std::string_view key, seconds past_end, std::string_view question = {}) {
    return copies.find(0, key, question, now, past_end).has_value();
  }
  bool finds_outdated(std::string_view key, seconds past_end, std::string_view question = {}) {
    return copies.find_outdated(0, key, question, now, past_end).has_value();
  }
};

}  // namespace

TEST_CASE("a copy kept past its end is not found as a current one after it") {
  Kept kept;
  REQUIRE(kept.keep("k", seconds(2), seconds(60)));
  CHECK(kept.finds("k", seconds(60)));
  CHECK_FALSE(kept.finds_outdated("k", seconds(60)));  // No lane is lost.
  kept.now += seconds(3);
  CHECK_FALSE(kept.finds("k", seconds(60)));
  kept.copies.set_all_aside(kept.now);
  CHECK(kept.finds_outdated("k", seconds(60)));
  kept.now += seconds(59);
  CHECK_FALSE(kept.finds_outdated("k", seconds(60)));  // 60 s past its end.
}

TEST_CASE("what is set aside is found until the lane is back, and no longer than it may") {
  Kept kept;
  kept.keep("k", seconds(600), seconds(10));
  kept.copies.set_all_aside(kept.now - seconds(1));
  CHECK_FALSE(kept.finds("k", seconds(10)));
  kept.now += seconds(8);
  CHECK(kept.finds_outdated("k", seconds(10)));
  SUBCASE("the end counts from when it was last known to be current") {
    kept.now += seconds(1);
    CHECK_FALSE(kept.finds_outdated("k", seconds(10)));
  }
  SUBCASE("a second loss does not prolong it") {
    kept.copies.set_all_aside(kept.now);
    kept.now += seconds(1);
    CHECK_FALSE(kept.finds_outdated("k", seconds(10)));
  }
  SUBCASE("all are back") {
    kept.copies.lose_all();
    CHECK_FALSE(kept.finds_outdated("k", seconds(10)));
    CHECK_FALSE(kept.finds("k", seconds(10)));
  }
  SUBCASE("it was pushed, or written") {
    kept.copies.begin_write("k");
    CHECK_FALSE(kept.finds_outdated("k", seconds(10)));
    kept.copies.end_write("k");
    CHECK_FALSE(kept.finds_outdated("k", seconds(10)));
  }
  SUBCASE("everything was flushed") {
    kept.copies.outdate_all();
    CHECK_FALSE(kept.finds_outdated("k", seconds(10)));
  }
}

TEST_CASE("copies of one lost lane go when that lane answers, not when another one does") {
  Kept kept;
  kept.copies.answered(1, kept.now, 2);
  kept.keep("k", seconds(600), seconds(10));
  kept.copies.set_lane_aside(1, kept.now);
  kept.copies.answered(0, kept.now, 3);
  CHECK_FALSE(kept.finds("k", seconds(10)));
  CHECK(kept.finds_outdated("k", seconds(10)));
  REQUIRE(kept.keep("new", seconds(600), seconds(10)));
  kept.copies.answered(1, kept.now, 4);
  CHECK_FALSE(kept.finds_outdated("k", seconds(10)));
  CHECK(kept.finds("new", seconds(10)));
}

TEST_CASE("a reply stored beside one that is over does not end with it") {
  Kept kept;
  kept.keep("k", seconds(2), seconds(60), "hgetall");
  kept.now += seconds(3);
  REQUIRE(kept.keep("k", seconds(600), seconds(60), "hlen"));
  CHECK(kept.finds("k", seconds(60), "hlen"));
  kept.copies.set_lane_aside(0, kept.now);
  REQUIRE(kept.keep("k", seconds(600), seconds(60), "hvals"));
  CHECK(kept.finds("k", seconds(60), "hvals"));
}

TEST_CASE("a value that was stale already is kept for when there is no better one") {
  Kept kept;
  CHECK(kept.keep("k", seconds(-5), seconds(60)));
  CHECK_FALSE(kept.finds("k", seconds(60)));
  kept.copies.set_all_aside(kept.now);
  CHECK(kept.finds_outdated("k", seconds(60)));
  CHECK_FALSE(kept.keep("other", seconds(-5), seconds(0)));
  // The epoch says that it must not be kept, however long that is.
  const auto view = kept.copies.look("invalid", kept.now, true);
  CHECK_FALSE(
      kept.copies.replace(0, "invalid", view, {}, "$1\r\nx\r\n", TimePoint{}, kept.now, hours(48)));
}

TEST_CASE("the self-check counts out which hits it takes") {
  SelfCheck check;
  CHECK_FALSE(check.take());
  check.configure(Share{25'000}, milliseconds(1'000));
  int taken = 0;
  for (int hit = 1; hit <= 400; ++hit) {
    const bool takes = check.take();
    CHECK(takes == (hit % 4 == 0));
    taken += takes;
  }
  CHECK(taken == 100);
  for (std::size_t i = 0; i < SelfCheck::most_pending; ++i) check.add({});
  for (int hit = 0; hit < 8; ++hit) CHECK_FALSE(check.take());
}

}  // namespace pannier::policies
