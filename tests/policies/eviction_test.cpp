#include "policies/eviction.hpp"

#include <doctest/doctest.h>

#include "unit_cache.hpp"
#include "workloads.hpp"

using namespace pannier::policies;

namespace {

template <class Cache>
double misses(const workloads::Keys& keys, std::size_t capacity) {
  Cache cache(capacity);
  std::size_t missed = 0;
  for (const std::uint64_t key : keys) missed += !cache.ask(key);
  return static_cast<double>(missed);
}

/// Misses in relation to those of LRU.
double against_lru(const workloads::Keys& keys, std::size_t capacity) {
  return misses<UnitCache>(keys, capacity) / misses<LruCache>(keys, capacity);
}

}  // namespace

TEST_CASE("Where few keys are popular, many misses of LRU are spared") {
  const auto keys = workloads::zipf(150'000, 20'000);
  CHECK(against_lru(keys, 100) < 0.9);
  CHECK(against_lru(keys, 2'000) < 0.9);
}

TEST_CASE("What nobody asks for again does not drive out what is popular") {
  const auto keys = workloads::scan(150'000, 5'000);
  CHECK(against_lru(keys, 100) < 0.9);
  CHECK(against_lru(keys, 1'000) < 0.9);
}

TEST_CASE("A loop around more than fits hits nevertheless") {
  const auto keys = workloads::loop(150'000, 3'000);
  CHECK(misses<LruCache>(keys, 1'000) == 150'000);
  CHECK(against_lru(keys, 1'000) < 0.8);
  CHECK(misses<UnitCache>(keys, 3'000) == 3'000);
}

TEST_CASE("With room for a tenth of all keys or less, no workload costs 2 % more misses than LRU") {
  for (const std::size_t share : {1'000u, 100u, 10u}) {
    CAPTURE(share);
    CHECK(against_lru(workloads::stack(150'000), 8'000 / share) < 1.02);
    CHECK(against_lru(workloads::drift(150'000, 4'000), 19'000 / share) < 1.02);
    CHECK(against_lru(workloads::shift(200'000, 4'000, 40'000), 20'000 / share) < 1.02);
  }
}

TEST_CASE("The policy follows the workload, whatever it was before") {
  UnitCache cache(1'000);
  for (const std::uint64_t key : workloads::loop(30'000, 3'000)) cache.ask(key);
  CHECK(cache.eviction().policy() == Eviction::Policy::two_queues);
  for (const std::uint64_t key : workloads::stack(100'000)) cache.ask(key + 1'000'000);
  CHECK(cache.eviction().policy() == Eviction::Policy::lru);
  for (const std::uint64_t key : workloads::scan(60'000, 5'000)) cache.ask(key);
  CHECK(cache.eviction().policy() == Eviction::Policy::two_queues);
}

TEST_CASE("The same requests lead to the same entries") {
  const auto keys = workloads::shift(50'000, 1'000, 5'000);
  UnitCache one(500), other(500);
  for (const std::uint64_t key : keys) REQUIRE(one.ask(key) == other.ask(key));
}

TEST_CASE("Looking up takes no memory, and clear() gives back all of it") {
  Eviction eviction;
  const std::size_t empty = eviction.bytes();
  constexpr std::size_t capacity = 3'000;
  for (std::uint64_t key = 0; key < capacity; ++key) {
    eviction.push_back(UnitCache::hash(key), capacity);
  }
  const std::size_t full = eviction.bytes();
  for (Eviction::Id id = 0; id < capacity; ++id) eviction.use(id, UnitCache::hash(id));
  CHECK(eviction.bytes() == full);
  CHECK(full < capacity * 24);  // 8 a link, 5.6 the ghosts, the rest for both rehearsals.
  eviction.clear();
  CHECK(eviction.bytes() == empty);
}
