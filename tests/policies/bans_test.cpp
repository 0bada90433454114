#include "policies/bans.hpp"

#include <doctest/doctest.h>

using namespace pannier::policies;

namespace {

ServerTime server(std::int64_t ms) { return ServerTime(milliseconds(ms)); }

Ban pattern(std::string glob, bool soft = false) {
  return {Ban::Kind::pattern, soft, std::move(glob), {}, {}};
}

bool add(Bans& bans, std::string glob, ServerTime at, ServerTime until) {
  return bans.add(0, pattern(std::move(glob)), at, until);
}

std::optional<ServerTime> newest(const Bans& bans, std::string_view key) {
  return bans.newest(0, {key, {}, {}, {}}).hard;
}

}  // namespace

TEST_CASE("Without bans no key falls under one") {
  Bans bans;
  CHECK(bans.empty(0));
  CHECK_FALSE(newest(bans, "user:7"));
}

TEST_CASE("A key falls under the bans whose pattern matches it") {
  Bans bans;
  add(bans, "user:*", server(100), server(1'000));
  CHECK_FALSE(bans.empty(0));
  CHECK(newest(bans, "user:7") == server(100));
  CHECK_FALSE(newest(bans, "group:7"));
  CHECK_FALSE(newest(bans, "a:user:7"));
}

TEST_CASE("Of several bans the newest counts, in whatever order they came") {
  Bans bans;
  add(bans, "user:*", server(100), server(1'000));
  add(bans, "*:7", server(300), server(1'000));
  add(bans, "u*", server(200), server(1'000));
  CHECK(newest(bans, "user:7") == server(300));
  CHECK(newest(bans, "user:8") == server(200));
}

TEST_CASE("The same pattern banned again counts from the second time on") {
  Bans bans;
  add(bans, "user:*", server(100), server(1'000));
  add(bans, "user:*", server(200), server(1'100));
  CHECK(newest(bans, "user:7") == server(200));
  bans.forget_old(server(1'050));
  CHECK(newest(bans, "user:7") == server(200));
}

TEST_CASE("The same pattern banned again does not go back where times are told out of order") {
  Bans bans;
  add(bans, "user:*", server(200), server(1'100));
  add(bans, "user:*", server(190), server(1'090));
  CHECK(newest(bans, "user:7") == server(200));
  bans.forget_old(server(1'100));
  CHECK(newest(bans, "user:7") == server(200));
}

TEST_CASE("A ban is forgotten when the last value it concerns has died, not before") {
  Bans bans;
  add(bans, "user:*", server(100), server(1'000));
  bans.forget_old(server(999));
  CHECK(newest(bans, "user:7") == server(100));
  bans.forget_old(server(1'001));
  CHECK_FALSE(newest(bans, "user:7"));
  CHECK(bans.empty(0));
  CHECK(bans.size() == 0);
}

TEST_CASE("A ban that ends late outlives one after it that ends early") {
  Bans bans;
  add(bans, "late:*", server(100), server(9'000));
  add(bans, "early:*", server(200), server(1'000));
  bans.forget_old(server(1'001));
  CHECK(newest(bans, "late:1") == server(100));
  bans.forget_old(server(9'001));
  CHECK(bans.empty(0));
}

TEST_CASE("A ban dropped for lack of room makes everything as old as it doubtful") {
  Bans bans;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(Bans::capacity); ++i) {
    add(bans, "a" + std::to_string(i), server(1'000 + i), server(9'000'000));
  }
  CHECK_FALSE(newest(bans, "user:7"));
  add(bans, "one too many", server(5'000), server(9'000'000));
  add(bans, "two too many", server(5'001), server(9'000'000));
  CHECK(bans.size() <= Bans::capacity);
  CHECK(newest(bans, "a0") >= server(1'000));
  CHECK(newest(bans, "a1") >= server(1'001));
  CHECK(newest(bans, "user:7") >= server(1'001));
  CHECK(newest(bans, "user:7") < server(5'000));
  CHECK(newest(bans, "two too many") == server(5'001));
}

TEST_CASE("What a dropped ban said outlives the bans that stayed") {
  Bans bans;
  for (std::int64_t i = 0; i < 2 * static_cast<std::int64_t>(Bans::capacity); ++i) {
    add(bans, "a" + std::to_string(i), server(1'000 + i), server(i == 0 ? 9'000 : 8'000));
  }
  bans.forget_old(server(8'500));
  CHECK(newest(bans, "a0") >= server(1'000));
  CHECK_FALSE(bans.empty(0));
}

TEST_CASE("What a dropped ban said is forgotten when the last value it concerns has died") {
  Bans bans;
  for (std::int64_t i = 0; i <= static_cast<std::int64_t>(Bans::capacity); ++i) {
    add(bans, "a" + std::to_string(i), server(1'000 + i), server(9'000));
  }
  bans.forget_old(server(9'001));
  CHECK_FALSE(newest(bans, "a0"));
  CHECK(bans.empty(0));
}

TEST_CASE("A ban is of one database") {
  Bans bans;
  CHECK(bans.add(3, pattern("a*"), server(100), server(1'000)));
  CHECK(bans.newest(3, {"a", {}, {}, {}}).hard == server(100));
  CHECK_FALSE(newest(bans, "a"));
  CHECK(bans.empty(0));
  CHECK_FALSE(bans.empty(3));
}

TEST_CASE("Of soft and hard bans each newest is told, as far as it still says something") {
  Bans bans;
  bans.add(0, pattern("a*", true), server(300), server(1'000));
  bans.add(0, pattern("a*"), server(200), server(1'000));
  bans.add(0, pattern("b*", true), server(100), server(1'000));
  bans.add(0, pattern("b*"), server(200), server(1'000));
  const auto a = bans.newest(0, {"a", {}, {}, {}}), b = bans.newest(0, {"b", {}, {}, {}});
  CHECK(a.hard == server(200));
  CHECK(a.soft == server(300));
  CHECK(b.hard == server(200));
  CHECK_FALSE(b.soft);
}

TEST_CASE("What is known of the record is forgotten for all databases at once") {
  Bans bans;
  CHECK(bans.known(0) == Bans::Known::no);
  bans.set_known(0, Bans::Known::all);
  bans.set_known(1, Bans::Known::asked);
  bans.outdate_all();
  CHECK(bans.known(0) == Bans::Known::no);
  CHECK(bans.known(1) == Bans::Known::no);
  CHECK(bans.databases() == std::vector<std::uint32_t>{0, 1});
}
