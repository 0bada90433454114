#include "policies/bans.hpp"

#include <doctest/doctest.h>

using namespace pannier::policies;

namespace {

ServerTime server(std::int64_t ms) { return ServerTime(milliseconds(ms)); }

}  // namespace

TEST_CASE("Without bans no key falls under one") {
  Bans bans;
  CHECK(bans.empty());
  CHECK_FALSE(bans.newest("user:7"));
}

TEST_CASE("A key falls under the bans whose pattern matches it") {
  Bans bans;
  bans.add("user:*", server(100), server(1'000));
  CHECK_FALSE(bans.empty());
  CHECK(bans.newest("user:7") == server(100));
  CHECK_FALSE(bans.newest("group:7"));
  CHECK_FALSE(bans.newest("a:user:7"));
}

TEST_CASE("Of several bans the newest counts, in whatever order they came") {
  Bans bans;
  bans.add("user:*", server(100), server(1'000));
  bans.add("*:7", server(300), server(1'000));
  bans.add("u*", server(200), server(1'000));
  CHECK(bans.newest("user:7") == server(300));
  CHECK(bans.newest("user:8") == server(200));
}

TEST_CASE("The same pattern banned again counts from the second time on") {
  Bans bans;
  bans.add("user:*", server(100), server(1'000));
  bans.add("user:*", server(200), server(1'100));
  CHECK(bans.newest("user:7") == server(200));
  bans.forget_old(server(1'050));
  CHECK(bans.newest("user:7") == server(200));
}

TEST_CASE("The same pattern banned again does not go back where times are told out of order") {
  Bans bans;
  bans.add("user:*", server(200), server(1'100));
  bans.add("user:*", server(190), server(1'090));
  CHECK(bans.newest("user:7") == server(200));
  bans.forget_old(server(1'100));
  CHECK(bans.newest("user:7") == server(200));
}

TEST_CASE("A ban is forgotten when the last value it concerns has died, not before") {
  Bans bans;
  bans.add("user:*", server(100), server(1'000));
  bans.forget_old(server(999));
  CHECK(bans.newest("user:7") == server(100));
  bans.forget_old(server(1'001));
  CHECK_FALSE(bans.newest("user:7"));
  CHECK(bans.empty());
  CHECK(bans.size() == 0);
}

TEST_CASE("A ban that ends late outlives one after it that ends early") {
  Bans bans;
  bans.add("late:*", server(100), server(9'000));
  bans.add("early:*", server(200), server(1'000));
  bans.forget_old(server(1'001));
  CHECK(bans.newest("late:1") == server(100));
  bans.forget_old(server(9'001));
  CHECK(bans.empty());
}

TEST_CASE("A ban dropped for lack of room makes everything as old as it doubtful") {
  Bans bans;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(Bans::capacity); ++i) {
    bans.add("a" + std::to_string(i), server(1'000 + i), server(9'000'000));
  }
  CHECK_FALSE(bans.newest("user:7"));
  bans.add("one too many", server(5'000), server(9'000'000));
  bans.add("two too many", server(5'001), server(9'000'000));
  CHECK(bans.size() <= Bans::capacity);
  CHECK(bans.newest("a0") >= server(1'000));
  CHECK(bans.newest("a1") >= server(1'001));
  CHECK(bans.newest("user:7") >= server(1'001));
  CHECK(bans.newest("user:7") < server(5'000));
  CHECK(bans.newest("two too many") == server(5'001));
}

TEST_CASE("What a dropped ban said outlives the bans that stayed") {
  Bans bans;
  for (std::int64_t i = 0; i < 2 * static_cast<std::int64_t>(Bans::capacity); ++i) {
    bans.add("a" + std::to_string(i), server(1'000 + i), server(i == 0 ? 9'000 : 8'000));
  }
  bans.forget_old(server(8'500));
  CHECK(bans.newest("a0") >= server(1'000));
  CHECK_FALSE(bans.empty());
}

TEST_CASE("What a dropped ban said is forgotten when the last value it concerns has died") {
  Bans bans;
  for (std::int64_t i = 0; i <= static_cast<std::int64_t>(Bans::capacity); ++i) {
    bans.add("a" + std::to_string(i), server(1'000 + i), server(9'000));
  }
  bans.forget_old(server(9'001));
  CHECK_FALSE(bans.newest("a0"));
  CHECK(bans.empty());
}
