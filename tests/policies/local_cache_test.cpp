#include "policies/local_cache.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace pannier::policies;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint start{1h};
constexpr std::size_t plenty = 1 << 20;
constexpr auto step = microseconds(1 << 14);  // In which deadlines are kept.

std::string at(LocalCache& cache, std::string_view key, std::string_view question = {},
               TimePoint now = start) {
  const auto copy = cache.find(0, key, question, now);
  return copy ? std::string(copy->reply) : "none";
}

bool keep(LocalCache& cache, std::string_view key, std::string_view reply,
          std::uint32_t stamp = 1) {
  return cache.store(0, key, {}, reply, stamp, start + 1h, start);
}

}  // namespace

TEST_CASE("A copy is found under its database, key and question, with its stamp") {
  LocalCache cache(plenty);
  CHECK(cache.store(3, "k", {}, "plain", 7, start + 1h, start));
  CHECK(cache.store(3, "k", "HGETALL", "fields", 8, start + 1h, start));
  CHECK(cache.find(3, "k", {}, start)->reply == "plain");
  CHECK(cache.find(3, "k", "HGETALL", start)->reply == "fields");
  CHECK(cache.find(3, "k", "HGETALL", start)->stamp == 7);
  CHECK_FALSE(cache.find(3, "k", "HLEN", start));
  CHECK_FALSE(cache.find(2, "k", {}, start));
  CHECK_FALSE(cache.find(3, "K", {}, start));
  CHECK(cache.size() == 1);
}

TEST_CASE("Keys and replies are bytes: empty ones and zeros are like others") {
  LocalCache cache(plenty);
  const std::string zeros(3, '\0');
  CHECK(keep(cache, "", zeros));
  CHECK(keep(cache, zeros, ""));
  CHECK(at(cache, "") == zeros);
  CHECK(at(cache, zeros) == "");
}

TEST_CASE("A newer reply takes the place of the older one, with its own stamp and deadline") {
  LocalCache cache(plenty);
  CHECK(cache.store(0, "k", {}, "old", 1, start + 1s, start));
  CHECK(cache.store(0, "k", {}, "new and longer", 2, start + 1h, start));
  CHECK(at(cache, "k", {}, start + 1min) == "new and longer");
  CHECK(cache.find(0, "k", {}, start)->stamp == 2);
  CHECK(cache.store(0, "h", "HLEN", "1", 1, start + 1s, start));
  CHECK(cache.store(0, "h", "HLEN", "2", 2, start + 1h, start));
  CHECK(at(cache, "h", "HLEN", start + 1min) == "2");
}

TEST_CASE("Replies under one key share the older stamp and the earlier deadline") {
  LocalCache cache(plenty);
  CHECK(cache.store(0, "k", "A", "a", 5, start + 1s, start));
  CHECK(cache.store(0, "k", "B", "b", 9, start + 1h, start));
  CHECK(cache.find(0, "k", "B", start)->stamp == 5);
  CHECK(at(cache, "k", "B", start + 1min) == "none");
  // What is over does not pass its deadline on.
  CHECK(cache.store(0, "k", "C", "c", 9, start + 1h, start + 2s));
  CHECK(at(cache, "k", "C", start + 1min) == "c");
  CHECK(at(cache, "k", "A", start + 1min) == "none");
}

TEST_CASE("A deadline is never exceeded, and at most one step early") {
  LocalCache cache(plenty);
  REQUIRE(keep(cache, "first", ""));  // The steps begin here.
  for (microseconds after = step; after < 10 * step; after += 777us) {
    CHECK(cache.store(0, "k", {}, "v", 1, start + after, start));
    CHECK(at(cache, "k", {}, start + after - step) == "v");
    CHECK(at(cache, "k", {}, start + after) == "none");
  }
  CHECK_FALSE(cache.store(0, "k2", {}, "v", 1, start + step - 1us, start));
  CHECK_FALSE(cache.store(0, "k2", {}, "v", 1, start, start));
  CHECK_FALSE(cache.store(0, "k2", {}, "v", 1, start - 1h, start));
  CHECK(cache.store(0, "k2", {}, "v", 1, TimePoint::max(), start));
  CHECK(at(cache, "k2", {}, start + 24h * 365) == "v");
}

TEST_CASE("What is too large is not kept; what just fits is") {
  LocalCache cache(plenty);
  const std::string large(LocalCache::largest, 'x');
  CHECK(keep(cache, "k", large));
  CHECK(at(cache, "k") == large);
  CHECK_FALSE(keep(cache, "k2", large + "x"));
  CHECK(keep(cache, std::string(65'535, 'k'), "v"));
  CHECK_FALSE(keep(cache, large, "v"));
  CHECK(cache.store(65'535, "k", {}, "v", 1, start + 1h, start));
  CHECK_FALSE(cache.store(65'536, "k", {}, "v", 1, start + 1h, start));
  CHECK_FALSE(cache.find(65'536, "k", {}, start));
}

TEST_CASE("Of many replies under one key the oldest are dropped") {
  LocalCache cache(plenty);
  const std::string reply(20'000, 'x');
  for (const char* const question : {"", "A", "B", "C", "D"}) {
    CHECK(cache.store(0, "k", question, reply, 1, start + 1h, start));
  }
  CHECK(at(cache, "k") == "none");
  CHECK(at(cache, "k", "A") == "none");
  CHECK(at(cache, "k", "B") == reply);
  CHECK(at(cache, "k", "D") == reply);
  CHECK(cache.store(0, "k", "B", "short", 1, start + 1h, start));
  CHECK(at(cache, "k", "B") == "short");
  CHECK(at(cache, "k", "C") == reply);
  const std::string largest(LocalCache::largest, 'y');
  CHECK(cache.store(0, "k", "E", largest, 1, start + 1h, start));
  CHECK(at(cache, "k", "E") == largest);
  CHECK(at(cache, "k", "C") == "none");
}

TEST_CASE("A key is dropped with everything under it, in one database or in all") {
  LocalCache cache(plenty);
  for (std::uint32_t db = 0; db < 3; ++db) {
    CHECK(cache.store(db, "k", {}, "v", 1, start + 1h, start));
    CHECK(cache.store(db, "k", "HLEN", "v", 1, start + 1h, start));
  }
  CHECK(cache.erase(1, "k"));
  CHECK_FALSE(cache.erase(1, "k"));
  CHECK_FALSE(cache.find(1, "k", "HLEN", start));
  CHECK(cache.find(2, "k", "HLEN", start));
  cache.erase_everywhere("k");
  CHECK(cache.size() == 0);
}

TEST_CASE("Outdated copies are not served, and sweeping removes them and those that are over") {
  LocalCache cache(plenty);
  for (int i = 0; i < 100; ++i) CHECK(keep(cache, "old" + std::to_string(i), "v", 1));
  for (int i = 0; i < 100; ++i) CHECK(keep(cache, "new" + std::to_string(i), "v", 2));
  CHECK(cache.store(0, "brief", {}, "v", 2, start + 1s, start));
  cache.outdate(2);
  CHECK(at(cache, "old5") == "none");
  CHECK(at(cache, "new5") == "v");
  CHECK_FALSE(keep(cache, "late", "v", 1));
  for (int i = 0; i < 21; ++i) cache.sweep(start, 10);
  CHECK(cache.size() == 101);
  cache.sweep(start + 2s, 101);
  CHECK(cache.size() == 100);
}

TEST_CASE("The bound is kept, and less used copies go first") {
  LocalCache cache(64 * 1024);
  const std::size_t empty = cache.bytes();
  for (int i = 0; i < 10'000; ++i) {
    REQUIRE(keep(cache, "key:" + std::to_string(i), std::string(100, 'v')));
    REQUIRE(cache.bytes() <= 64 * 1024);
    at(cache, "key:0");
  }
  CHECK(at(cache, "key:0") != "none");
  CHECK(cache.evictions() == 10'000 - cache.size());
  cache.resize(16 * 1024);
  CHECK(cache.bytes() <= 16 * 1024);
  CHECK(cache.size() > 10);
  cache.clear();
  CHECK(cache.size() == 0);
  CHECK(cache.bytes() == empty);
  LocalCache nothing(0);
  CHECK_FALSE(keep(nothing, "k", "v"));
  CHECK(nothing.size() == 0);
}

TEST_CASE("What is stored and not read, as by a warm run, pushes out little of what is") {
  LocalCache cache(plenty);
  const std::string value(100, 'x');
  constexpr int hot = 500, warmed = 50'000;
  const auto name = [](int i) { return "hot:" + std::to_string(i); };
  for (int i = 0; i < hot; ++i) keep(cache, name(i), value);
  const auto read_all = [&] {
    int found = 0;
    for (int i = 0; i < hot; ++i) found += at(cache, name(i)) != "none";
    return found;
  };
  for (int round = 0; round < 3; ++round) CHECK(read_all() == hot);
  for (int i = 0; i < warmed; ++i) {
    keep(cache, "warm:" + std::to_string(i), value);
    at(cache, name(i % hot));
  }
  CHECK(cache.size() < warmed);
  CHECK(read_all() > hot * 4 / 5);
}

TEST_CASE("Outdated copies make room before valid ones") {
  LocalCache cache(64 * 1024);
  for (int i = 0; i < 100; ++i) REQUIRE(keep(cache, "new" + std::to_string(i), "v", 2));
  for (int i = 0; cache.evictions() == 0; ++i) {
    REQUIRE(keep(cache, "old" + std::to_string(i), "v", 1));
  }
  cache.outdate(2);
  const std::uint64_t before = cache.evictions();
  const std::size_t outdated = cache.size() - 100;
  for (std::size_t i = 0; i < outdated / 2; ++i) {
    REQUIRE(keep(cache, "newer" + std::to_string(i), "v", 2));
  }
  CHECK(cache.evictions() == before);
}
