#include "policies/ghosts.hpp"

#include <doctest/doctest.h>

#include "unit_cache.hpp"

using namespace pannier::policies;

namespace {

/// How many of the hashes from `first` to `last` are remembered, and no more from then on.
int taken(Ghosts& ghosts, std::uint64_t first, std::uint64_t last) {
  int found = 0;
  for (std::uint64_t key = first; key < last; ++key) found += ghosts.take(UnitCache::hash(key));
  return found;
}

}  // namespace

TEST_CASE("The last ghosts are remembered, older ones not, and each is taken once") {
  for (const int entries : {100, 1'000, 50'000}) {
    CAPTURE(entries);
    Ghosts ghosts;
    CHECK_FALSE(ghosts.take(7));
    ghosts.fit(static_cast<std::size_t>(entries));
    const auto last = static_cast<std::uint64_t>(5 * entries);
    const auto remembered = static_cast<std::uint64_t>(entries);
    for (std::uint64_t key = 0; key < last; ++key) ghosts.add(UnitCache::hash(key));
    CHECK(taken(ghosts, 0, last - remembered - remembered / 50) <= entries / 100);
    CHECK(taken(ghosts, last - remembered, last) > entries * 95 / 100);
    CHECK(taken(ghosts, last - remembered, last) == 0);
  }
}

TEST_CASE("Strangers are hardly ever taken for ghosts") {
  Ghosts ghosts;
  ghosts.fit(10'000);
  for (std::uint64_t key = 0; key < 20'000; ++key) ghosts.add(UnitCache::hash(key));
  CHECK(taken(ghosts, 1'000'000, 1'100'000) < 40);
}

TEST_CASE("The table is made anew for another number only when that is much more or less") {
  Ghosts ghosts;
  ghosts.fit(1'000);
  CHECK(ghosts.bytes() == Ghosts::bytes_for(1'000));
  ghosts.add(UnitCache::hash(1));
  ghosts.fit(1'100);
  ghosts.fit(600);
  CHECK(taken(ghosts, 1, 2) == 1);
  CHECK(ghosts.bytes() == Ghosts::bytes_for(1'000));
  ghosts.fit(100);
  CHECK(ghosts.bytes() == Ghosts::bytes_for(100));
  ghosts.clear();
  CHECK(ghosts.bytes() == 0);
}
