// What equal values of several SETs tell about whose they are.

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "policies/open_misses.hpp"

using namespace pannier::policies;

namespace {

const TimePoint start(seconds(1'000));

ServerTime server(std::int64_t ms) { return ServerTime(milliseconds(1'700'000'000'000 + ms)); }

}  // namespace

TEST_CASE("Equal values of many more SETs than misses were open before are of a later miss") {
  OpenMisses misses;
  const OpenMisses::Arrival same{server(4'000), 1}, other{server(4'000), 2};
  int ms = 5'000;
  const auto load = [&](const OpenMisses::Arrival& arrival) {
    misses.add("k", server(ms), start + milliseconds(ms));
    ms += 100;
    return misses.take("k", start + milliseconds(ms), arrival)->at;
  };
  misses.add("k", server(0), start);  // Nobody answers this one, and its client may try four times.
  for (int i = 0; i < 4; ++i) CHECK(load(same) == server(0));
  SUBCASE("when the same comes once more") {
    CHECK(load(same) == server(5'000));
    CHECK(load(same) == server(5'000));
  }
  SUBCASE("but not when another one comes between") {
    CHECK(load(other) == server(0));
    for (int i = 0; i < 4; ++i) CHECK(load(same) == server(0));
    CHECK(load(same) == server(5'000));
  }
  SUBCASE("nor behind a later invalidation") {
    CHECK(load(OpenMisses::Arrival{server(5'350), 1}) == server(0));
  }
  SUBCASE("nor when one of them was not stored") {
    misses.not_stored("k", server(0), start + milliseconds(ms));
    CHECK(load(same) == server(0));
  }
  SUBCASE("nor behind a removal") {
    misses.removed("k", 1);
    CHECK(misses.take("k", start + milliseconds(ms), same)->outdated);
  }
}

TEST_CASE("A SET that was not stored may come again, and is as old as before") {
  OpenMisses misses;
  misses.add("k", server(5), start);
  CHECK(misses.take("k", start)->at == server(5));
  misses.not_stored("k", server(5), start + seconds(1));
  CHECK(misses.take("k", start + seconds(2))->at == server(5));
  CHECK_FALSE(misses.take("k", start + seconds(2)));
}

TEST_CASE("No SET is told a later miss than its value was current at") {
  std::size_t told_later = 0;
  for (unsigned seed = 1; seed <= 400; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto up_to = [&](std::int64_t most) {
      return static_cast<std::int64_t>(random() % most);
    };
    struct Load {
      std::int64_t missed;
      std::uint64_t value;
    };
    OpenMisses misses;
    std::vector<Load> loading;
    std::vector<std::int64_t> changed_at{0};  // When each value took the place of the one before.
    std::int64_t ms = 0;
    for (int step = 0; step < 400; ++step) {
      ms += 1 + up_to(500);
      const auto now = start + milliseconds(ms);
      if (up_to(8) == 0) changed_at.push_back(ms);
      if (up_to(2) == 0) {
        const auto changed = server(changed_at.back());
        misses.add("k", server(ms), now, {~0u, std::nullopt, changed});
        if (up_to(5) > 0) loading.push_back({ms, changed_at.size()});
        continue;
      }
      std::erase_if(loading, [&](const Load& one) { return ms - one.missed > 10'000; });
      if (loading.empty()) continue;
      const auto at =
          up_to(4) > 0 ? std::int64_t(loading.size()) - 1 : up_to(std::int64_t(loading.size()));
      const auto load = loading[static_cast<std::size_t>(at)];
      loading.erase(loading.begin() + at);
      const auto miss =
          misses.take("k", now, OpenMisses::Arrival{server(changed_at.back()), load.value});
      REQUIRE(miss);
      const bool is_last = load.value == changed_at.size();
      const auto current_until = is_last ? ms : changed_at[static_cast<std::size_t>(load.value)];
      REQUIRE(miss->at <= server(current_until));
      told_later += miss->at > server(load.missed);
    }
  }
  CHECK(told_later > 0);
}
