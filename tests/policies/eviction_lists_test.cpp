#include "policies/eviction_lists.hpp"

#include <doctest/doctest.h>

#include <random>
#include <set>
#include <vector>

#include "unit_cache.hpp"

using namespace pannier::policies;
using Policy = EvictionLists::Policy;

namespace {

/// The lists with the keys that belong to their numbers.
struct Keyed {
  explicit Keyed(Policy policy) : lists(policy) {}

  void add(std::uint64_t key) {
    keys.push_back(key);
    lists.push_back(UnitCache::hash(key));
  }
  std::uint64_t remove(EvictionLists::Id id) {
    const std::uint64_t key = keys[id];
    keys[id] = keys.back();
    keys.pop_back();
    return key;
  }
  std::uint64_t evict() {
    const EvictionLists::Id id = lists.victim();
    lists.evict(id, UnitCache::hash(keys[id]));
    return remove(id);
  }
  void erase(EvictionLists::Id id) {
    lists.erase(id);
    remove(id);
  }

  EvictionLists lists;
  std::vector<std::uint64_t> keys;
};

}  // namespace

TEST_CASE("Under LRU, entries go in the order of their last use") {
  Keyed cache(Policy::lru);
  for (std::uint64_t key = 0; key < 5; ++key) cache.add(key);
  cache.lists.use(0);
  cache.lists.use(3);
  for (const std::uint64_t key : {1, 2, 4, 0, 3}) CHECK(cache.evict() == key);
}

TEST_CASE("Under two queues, what returns after it was evicted outlives what is new") {
  Keyed cache(Policy::two_queues);
  std::uint64_t next = 1'000;
  for (; cache.keys.size() < 100;) cache.add(next++);
  for (int i = 0; i < 200; ++i) {
    cache.add(next++);
    cache.evict();
  }
  const std::uint64_t returning = next;
  cache.add(next++);
  while (cache.evict() != returning) cache.add(next++);
  cache.add(returning);
  for (int i = 0; i < 200; ++i) {
    cache.add(next++);
    CHECK(cache.evict() != returning);
  }
}

TEST_CASE("Whatever is done, and under changing policies, every entry goes exactly once") {
  for (unsigned seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    Keyed cache(Policy::two_queues);
    std::set<std::uint64_t> there;
    std::uint64_t next = 0;
    for (int i = 0; i < 20'000; ++i) {
      const auto action = random() % 100;
      const auto some = static_cast<EvictionLists::Id>(random() % (cache.keys.size() + 1));
      if (action < 40) {
        const std::uint64_t key = next < 50 || action < 20 ? next++ : next - 50 + random() % 50;
        if (there.insert(key).second) cache.add(key);
      } else if (action < 60 && some < cache.keys.size()) {
        cache.lists.use(some);
      } else if (action < 65 && some < cache.keys.size()) {
        there.erase(cache.keys[some]);
        cache.erase(some);
      } else if (action < 95 && cache.keys.size() > 200) {
        REQUIRE(there.erase(cache.evict()) == 1);
      } else if (action == 99) {
        cache.lists.set(random() % 2 == 0 ? Policy::two_queues : Policy::lru);
      }
      REQUIRE(cache.lists.size() == there.size());
    }
    while (!there.empty()) REQUIRE(there.erase(cache.evict()) == 1);
    CHECK(cache.lists.size() == 0);
  }
}
