#include "policies/expiry.hpp"

#include <doctest/doctest.h>

#include <array>
#include <random>

#include "subjects.hpp"

using namespace pannier::policies;

namespace {

using State = Standing::State;

ServerTime server(std::int64_t ms) { return ServerTime(milliseconds(ms)); }

/// A value that lives 100 ms fresh and 20 ms stale.
const Life life{milliseconds(100), milliseconds(120)};

}  // namespace

TEST_CASE("A key lives for its tier's TTL, and for the stale window after it") {
  const auto lives = life_of(tier_of(seconds(60), seconds(5)), "user:7");
  CHECK(lives.fresh == seconds(60));
  CHECK(lives.total == seconds(65));
}

TEST_CASE("The same key has the same life, whatever else is asked meanwhile") {
  const auto tier = tier_of(seconds(60), seconds(5), 0.5);
  const auto lives = life_of(tier, "user:7");
  for (int i = 0; i < 100; ++i) life_of(tier, std::to_string(i));
  CHECK(life_of(tier, "user:7").fresh == lives.fresh);
  CHECK(life_of(tier, std::string("user:") + "7").total == lives.total);
}

TEST_CASE("Sidecars of every release give a key the same life") {
  // Taken from the first release. Where this changes, sidecars of two releases beside one Redis
  // see each other's values as older or newer than they are.
  const auto tier = tier_of(milliseconds(1'000'000), milliseconds(0), 1);
  CHECK(life_of(tier, "").fresh == milliseconds(172'242));
  CHECK(life_of(tier, "user:7").fresh == milliseconds(262'978));
  CHECK(life_of(tier, "dashboard:tile:42").fresh == milliseconds(993'394));
}

TEST_CASE("Jitter only shortens, by no more than its share, and leaves the stale window whole") {
  const auto tier = tier_of(seconds(60), seconds(5), 0.1);
  for (int i = 0; i < 10'000; ++i) {
    const auto lives = life_of(tier, "user:" + std::to_string(i));
    if (lives.fresh < seconds(54) || lives.fresh > seconds(60)) FAIL(lives.fresh.count());
    if (lives.total - lives.fresh != seconds(5)) FAIL(lives.total.count());
  }
}

TEST_CASE("Jitter spreads the lives of keys evenly") {
  const auto tier = tier_of(milliseconds(1'000'000), milliseconds(0), 0.2);
  std::array<int, 10> tenths{};
  for (int i = 0; i < 10'000; ++i) {
    const auto shortened = 1'000'000 - life_of(tier, "user:" + std::to_string(i)).fresh.count();
    ++tenths.at(static_cast<std::size_t>(std::min<std::int64_t>(shortened, 199'999) / 20'000));
  }
  for (const int keys : tenths) {  // 1000 expected, 30 the standard deviation.
    CHECK(keys > 850);
    CHECK(keys < 1'150);
  }
}

TEST_CASE("A life that jitter takes all of is still not negative") {
  const auto tier = tier_of(milliseconds(3), milliseconds(2), 1);
  for (int i = 0; i < 1'000; ++i) {
    const auto lives = life_of(tier, std::to_string(i));
    if (lives.fresh < milliseconds(0) || lives.total < milliseconds(2)) FAIL(lives.fresh.count());
  }
}

TEST_CASE("A value is judged by its expiry and the newest generation") {
  struct Row {
    std::string_view what;
    std::int64_t expiretime;
    std::optional<std::int64_t> newest;
    State state;
    std::int64_t remaining, age;
  };
  // At 1000; a value of expiry e was born at e - 120.
  const Row rows[] = {
      {"just loaded", 1'120, {}, State::fresh, 120, 0},
      {"half its life", 1'060, {}, State::fresh, 60, 60},
      {"the last millisecond of its TTL", 1'021, {}, State::fresh, 21, 99},
      {"its TTL is over", 1'020, {}, State::stale, 20, 100},
      {"the last millisecond of its life", 1'001, {}, State::stale, 1, 119},
      {"born after the generation", 1'060, 939, State::fresh, 60, 60},
      {"born with the generation", 1'060, 940, State::invalid, 60, 60},
      {"born before the generation", 1'060, 941, State::invalid, 60, 60},
      {"stale and born after the generation", 1'010, 889, State::stale, 10, 110},
      {"stale and born with the generation", 1'010, 890, State::invalid, 10, 110},
      {"a generation from before all values", 1'060, 0, State::fresh, 60, 60},
      {"a generation from the future", 1'120, 1'500, State::invalid, 120, 0},
  };
  for (const auto& row : rows) {
    CAPTURE(row.what);
    const auto newest = row.newest ? std::optional(server(*row.newest)) : std::nullopt;
    const auto standing = judge(row.expiretime, server(1'000), life, newest);
    CHECK(standing.state == row.state);
    CHECK(standing.remaining == milliseconds(row.remaining));
    CHECK(standing.age == milliseconds(row.age));
  }
}

TEST_CASE("A value whose life is over is invalid") {
  CHECK(judge(1'000, server(1'000), life, {}).state == State::invalid);
  CHECK(judge(900, server(1'000), life, {}).state == State::invalid);
  CHECK(judge(0, server(1'000), life, {}).state == State::invalid);
}

TEST_CASE("A key that is not there has no value to serve") {
  CHECK(judge(-2, server(1'000), life, {}).state == State::invalid);
}

TEST_CASE("A value without expiry is foreign, with nothing known about it") {
  const auto standing = judge(-1, server(1'000), life, {});
  CHECK(standing.state == State::foreign);
  CHECK(standing.remaining == milliseconds(0));
  CHECK(standing.age == milliseconds(0));
}

TEST_CASE("A value that would live longer than the tier allows is foreign") {
  const auto standing = judge(1'121, server(1'000), life, {});
  CHECK(standing.state == State::foreign);
  CHECK(standing.remaining == milliseconds(121));
  CHECK(standing.age == milliseconds(0));
}

TEST_CASE("A foreign value is invalid where anything was invalidated: nobody knows its age") {
  for (const std::int64_t expiretime : {-1, 1'121}) {
    for (const std::int64_t newest : {0, 900, 2'000}) {
      CHECK(judge(expiretime, server(1'000), life, server(newest)).state == State::invalid);
    }
  }
}

TEST_CASE("Without a stale window a value is fresh until it is gone") {
  const Life plain{milliseconds(100), milliseconds(100)};
  CHECK(judge(1'001, server(1'000), plain, {}).state == State::fresh);
  CHECK(judge(1'000, server(1'000), plain, {}).state == State::invalid);
}

TEST_CASE("The expiry of a new value counts from when its load began") {
  struct Row {
    TtlMode mode;
    std::optional<std::int64_t> asked;
    bool tagged;
    std::int64_t lives;
  };
  // Under a TTL of 100 ms and a stale window of 20 ms.
  const Row rows[] = {
      {TtlMode::tier, {}, false, 120},        {TtlMode::tier, 30, false, 120},
      {TtlMode::tier, 500, false, 120},       {TtlMode::tier, 500, true, 120},
      {TtlMode::cap, {}, false, 120},         {TtlMode::cap, 30, false, 50},
      {TtlMode::cap, 100, false, 120},        {TtlMode::cap, 500, false, 120},
      {TtlMode::cap, 30, true, 50},           {TtlMode::cap, 500, true, 120},
      {TtlMode::by_default, {}, false, 120},  {TtlMode::by_default, 30, false, 50},
      {TtlMode::by_default, 30, true, 50},    {TtlMode::by_default, 500, true, 120},
      {TtlMode::by_default, 500, false, 520},
  };
  auto tier = tier_of(milliseconds(100), milliseconds(20));
  for (const auto& row : rows) {
    tier.ttl_mode = row.mode;
    const auto asked = row.asked ? std::optional(milliseconds(*row.asked)) : std::nullopt;
    const auto mode = setting_text(row.mode);
    CAPTURE(mode);
    CAPTURE(row.asked.value_or(0));
    CAPTURE(row.tagged);
    CHECK(expiry_for(tier, life, server(5'000), asked, row.tagged) == server(5'000 + row.lives));
  }
}

TEST_CASE("A cap is the key's own life, jitter included") {
  auto tier = tier_of(milliseconds(200), milliseconds(20), 0.5);
  tier.ttl_mode = TtlMode::cap;
  CHECK(expiry_for(tier, life, server(0), milliseconds(150), false) == server(120));
}

TEST_CASE("A TTL near the end of time does not wrap around") {
  auto tier = tier_of(milliseconds(100), milliseconds(20));
  for (const auto mode : {TtlMode::tier, TtlMode::cap, TtlMode::by_default}) {
    tier.ttl_mode = mode;
    const auto longest = milliseconds(INT64_MAX - 1'700'000'000'000 - 100);
    const auto born = server(1'700'000'000'000);
    CHECK(expiry_for(tier, life, born, longest, true) == born + life.total);
  }
}

namespace {

/// A value under a random tier, stored at random and looked at later.
struct Stored {
  TierSettings tier;
  Life lives;
  ServerTime born, expiry, seen;

  Stored(std::mt19937_64& random, TtlMode mode, bool tagged) {
    const auto pick = [&](std::int64_t below) {
      return milliseconds(static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(below)));
    };
    const std::int64_t jitters[] = {0, 10, 50, 100};
    tier = tier_of(milliseconds(1) + pick(1'000), pick(2) * pick(300).count(),
                   static_cast<double>(jitters[random() % 4]) / 100);
    tier.ttl_mode = mode;
    lives = life_of(tier, std::to_string(random() % 1'000));
    born = server(10'000) + pick(1'000);
    const auto asked = milliseconds(1) + pick(2'000);
    expiry = expiry_for(tier, lives, born, random() % 3 == 0 ? std::nullopt : std::optional(asked),
                        tagged);
    seen = born + pick(2'500);
  }

  State state(std::optional<ServerTime> newest) const {
    return judge(expiry.time_since_epoch().count(), seen, lives, newest).state;
  }
};

}  // namespace

TEST_CASE("A value whose load began at or before its newest generation is never served") {
  for (const bool tagged : {true, false}) {
    for (const auto mode : {TtlMode::tier, TtlMode::cap, TtlMode::by_default}) {
      // A client's longer TTL without tags hides when the load began; a sweep removes those values.
      if (!tagged && mode == TtlMode::by_default) continue;
      const auto text = setting_text(mode);
      CAPTURE(text);
      CAPTURE(tagged);
      for (unsigned seed = 1; seed <= 20'000; ++seed) {
        std::mt19937_64 random(seed);
        const Stored value(random, mode, tagged);
        const auto later = milliseconds(random() % 4 == 0 ? 0 : random() % 3'000);
        const auto state = value.state(value.born + later);
        if (state == State::invalid || state == State::foreign) continue;
        CAPTURE(seed);
        FAIL("served");
      }
    }
  }
}

TEST_CASE("A value that the tier gave its life is served until that is over") {
  for (unsigned seed = 1; seed <= 20'000; ++seed) {
    std::mt19937_64 random(seed);
    const Stored value(random, TtlMode::tier, random() % 2 == 0);
    const auto age = value.seen - value.born;
    const auto expected = age < value.lives.fresh   ? State::fresh
                          : age < value.lives.total ? State::stale
                                                    : State::invalid;
    const bool right =
        value.state({}) == expected && value.state(value.born - milliseconds(1)) == expected;
    CAPTURE(seed);
    if (!right) FAIL("judged otherwise");
  }
}

TEST_CASE("A value that a sidecar stored under a tag is never taken for a foreign one") {
  for (const auto mode : {TtlMode::tier, TtlMode::cap, TtlMode::by_default}) {
    for (unsigned seed = 1; seed <= 20'000; ++seed) {
      std::mt19937_64 random(seed);
      CAPTURE(seed);
      if (Stored(random, mode, true).state({}) == State::foreign) FAIL("foreign");
    }
  }
}

TEST_CASE("What is loaded in the very millisecond of an invalidation is valid from then on") {
  // Born at 1,001, in the next millisecond, because the generation is 1,000.
  const auto standing = judge(1'121, server(1'000), life, server(1'000));
  CHECK(standing.state == State::fresh);
  CHECK(standing.age == milliseconds(0));
  CHECK(judge(1'123, server(1'000), life, server(1'002)).state == State::fresh);
  CHECK(judge(1'121, server(1'000), life, server(1'001)).state == State::invalid);
  CHECK(judge(1'122, server(1'000), life, server(1'000)).state == State::invalid);
}
