#include "policies/origin.hpp"

#include <doctest/doctest.h>

#include "origin_fleet.hpp"

using namespace pannier::policies;
using pannier::tests::Fleet;
using pannier::tests::nil;
using pannier::tests::wire_of;

namespace {

const std::string failure = "-ERR pannier: origin 'days': it is away\r\n";

}  // namespace

TEST_CASE("Who misses a key of an origin waits for the one query, and gets its result") {
  Fleet fleet;
  fleet.get(fleet.here, fleet.a);
  fleet.get(fleet.here, fleet.b);
  CHECK(fleet.told(fleet.a).empty());
  const auto load = fleet.take_load(fleet.here);
  CHECK(load.key == "sum:2026-11-21:7");
  CHECK(load.params == std::vector<std::string>{"2026-11-21", "x-7"});
  fleet.here.store_loaded(load, "[1]");
  CHECK(fleet.told(fleet.a) == "$3\r\n[1]\r\n");
  CHECK(fleet.told(fleet.b) == "$3\r\n[1]\r\n");
  CHECK(fleet.redis.value(0, "sum:2026-11-21:7") == "[1]");
  CHECK(fleet.redis.expiry(0, "sum:2026-11-21:7").has_value());
  fleet.get(fleet.here, fleet.a);
  CHECK(fleet.told(fleet.a) == "$3\r\n[1]\r\n");
  CHECK(fleet.here.loads.empty());
}

TEST_CASE("Two sidecars ask once") {
  Fleet fleet;
  fleet.get(fleet.here, fleet.a);
  fleet.get(fleet.there, fleet.other);
  CHECK(fleet.there.loads.empty());
  fleet.here.store_loaded(fleet.take_load(fleet.here), "x");
  fleet.settle();
  CHECK(fleet.there.take(fleet.other) == "$1\r\nx\r\n");
}

TEST_CASE("An error goes to those who wait, is no value, and is not repeated at once") {
  Fleet fleet;
  fleet.get(fleet.here, fleet.a);
  fleet.here.load_failed(fleet.take_load(fleet.here), failure);
  CHECK(fleet.told(fleet.a) == failure);
  CHECK_FALSE(fleet.redis.value(0, "sum:2026-11-21:7").has_value());
  fleet.get(fleet.here, fleet.b);
  CHECK(fleet.told(fleet.b) == failure);
  CHECK(fleet.here.loads.empty());
  fleet.pass(milliseconds(1'010));
  fleet.get(fleet.here, fleet.b);
  CHECK(fleet.here.loads.size() == 1);
}

TEST_CASE("With on_error nil a client finds nothing instead") {
  Fleet fleet(OnError::nil);
  fleet.get(fleet.here, fleet.a);
  fleet.here.load_failed(fleet.take_load(fleet.here), failure);
  CHECK(fleet.told(fleet.a) == nil);
  fleet.get(fleet.here, fleet.b);
  CHECK(fleet.told(fleet.b) == nil);
}

TEST_CASE("A result that was invalidated while it was computed is nobody's answer") {
  Fleet fleet;
  fleet.get(fleet.here, fleet.a);
  const auto load = fleet.take_load(fleet.here);
  fleet.pass(milliseconds(20));
  CHECK(fleet.invalidate(false) == ":0\r\n");
  fleet.get(fleet.here, fleet.b);
  CHECK(fleet.told(fleet.b).empty());
  fleet.here.store_loaded(load, "old");
  fleet.settle();
  CHECK(fleet.told(fleet.b).empty());
  fleet.here.store_loaded(fleet.take_load(fleet.here), "new");
  fleet.settle();
  CHECK(fleet.told(fleet.b) == "$3\r\nnew\r\n");
}

TEST_CASE("A stale value is everybody's at once, while one query replaces it") {
  Fleet fleet(OnError::error, seconds(60));
  fleet.get(fleet.here, fleet.a);
  fleet.here.store_loaded(fleet.take_load(fleet.here), "1");
  fleet.told(fleet.a);
  fleet.pass(seconds(61));
  fleet.get(fleet.here, fleet.a);
  fleet.get(fleet.here, fleet.b);
  CHECK(fleet.told(fleet.a) == "$1\r\n1\r\n");
  CHECK(fleet.told(fleet.b) == "$1\r\n1\r\n");
  const auto load = fleet.take_load(fleet.here);
  SUBCASE("which is there") {
    fleet.here.store_loaded(load, "2");
    fleet.get(fleet.here, fleet.a);
    CHECK(fleet.told(fleet.a) == "$1\r\n2\r\n");
  }
  SUBCASE("which fails, and is not repeated at once") {
    fleet.here.load_failed(load, failure);
    fleet.get(fleet.here, fleet.a);
    CHECK(fleet.told(fleet.a) == "$1\r\n1\r\n");
    CHECK(fleet.here.loads.empty());
  }
}

TEST_CASE("Loads that failed make no later value older than it is") {
  Fleet fleet(OnError::error, seconds(600));
  fleet.get(fleet.here, fleet.a);
  fleet.here.store_loaded(fleet.take_load(fleet.here), "1");
  fleet.invalidate(true);
  for (int i = 0; i < 3; ++i) {
    fleet.get(fleet.here, fleet.a);
    fleet.here.load_failed(fleet.take_load(fleet.here), failure);
    fleet.pass(milliseconds(1'100));
  }
  fleet.invalidate(true);
  fleet.pass(milliseconds(20));
  fleet.get(fleet.here, fleet.a);
  fleet.here.store_loaded(fleet.take_load(fleet.here), "2");
  fleet.told(fleet.a);
  fleet.get(fleet.here, fleet.a);
  CHECK(fleet.told(fleet.a) == "$1\r\n2\r\n");
  CHECK(fleet.here.loads.empty());
}

TEST_CASE("What a client was told was missing makes no load older than it is") {
  Fleet fleet(OnError::nil);
  fleet.get(fleet.here, fleet.a);
  fleet.here.load_failed(fleet.take_load(fleet.here), failure);
  CHECK(fleet.told(fleet.a) == nil);
  fleet.pass(milliseconds(1'100));
  fleet.invalidate(false);
  fleet.pass(milliseconds(20));
  fleet.get(fleet.here, fleet.b);
  fleet.here.store_loaded(fleet.take_load(fleet.here), "1");
  fleet.told(fleet.b);
  fleet.get(fleet.here, fleet.b);
  CHECK(fleet.told(fleet.b) == "$1\r\n1\r\n");
  CHECK(fleet.here.loads.empty());
  // Its own SET, which may come yet, is of before that.
  fleet.here.send(fleet.a, wire_of({"SET", "sum:2026-11-21:7", "0"}));
  fleet.settle();
  fleet.told(fleet.a);
  fleet.get(fleet.here, fleet.b);
  CHECK(fleet.here.loads.size() == 1);
}

TEST_CASE("Who stores the value meanwhile ends the waiting") {
  Fleet fleet;
  fleet.get(fleet.here, fleet.a);
  const auto load = fleet.take_load(fleet.here);
  fleet.here.send(fleet.b, wire_of({"SET", "sum:2026-11-21:7", "own"}));
  fleet.settle();
  CHECK(fleet.told(fleet.a) == "$3\r\nown\r\n");
  fleet.here.load_failed(load, failure);
  fleet.get(fleet.here, fleet.a);
  CHECK(fleet.told(fleet.a) == "$3\r\nown\r\n");
}

TEST_CASE("A key that cannot be a parameter is not asked for") {
  Fleet fleet;
  fleet.here.send(fleet.a, wire_of({"GET", "sum:x'; DROP TABLE t;--:7"}));
  fleet.settle();
  CHECK(fleet.here.loads.empty());
  const auto told = fleet.told(fleet.a);
  CHECK(told.find("origin 'days': parameter $1 ({day}) is not a date") != std::string::npos);
}

TEST_CASE("Parameters look like their types") {
  const auto fits = [](ParameterType type, std::string_view value) {
    return objection_to_parameter(type, value).empty();
  };
  using Type = ParameterType;
  for (const auto value : {"0", "-12", "+7", "007"}) CHECK(fits(Type::integer, value));
  for (const auto value : {"", "-", "1.5", "1 ", "0x10", "1e3", "9999999999999999999"}) {
    CHECK_FALSE(fits(Type::integer, value));
  }
  for (const auto value : {"1.5", "-.5", "2.", "1e9", "3E-7"}) CHECK(fits(Type::number, value));
  for (const auto value : {"", ".", "e3", "NaN", "1e", "1e9999", "1,5"}) {
    CHECK_FALSE(fits(Type::number, value));
  }
  CHECK(fits(Type::boolean, "true"));
  CHECK_FALSE(fits(Type::boolean, "yes"));
  CHECK(fits(Type::date, "2026-02-28"));
  CHECK_FALSE(fits(Type::date, "2026-02-30"));
  CHECK(fits(Type::uuid, "123e4567-e89b-12d3-a456-426614174000"));
  CHECK_FALSE(fits(Type::uuid, "123e4567e89b12d3a456426614174000"));
  CHECK(fits(Type::text, "x'; DROP TABLE t;--"));
  CHECK_FALSE(fits(Type::text, std::string_view("a\0b", 3)));
}
