// What an origin has not found, and who knows that for how long.

#include <doctest/doctest.h>

#include "origin_fleet.hpp"
#include "policies/absence.hpp"

using namespace pannier::policies;
using pannier::tests::Fleet;
using pannier::tests::nil;
using pannier::tests::wire_of;

TEST_CASE("That there is no row is remembered for a while") {
  Fleet fleet;
  fleet.get(fleet.here, fleet.a);
  fleet.here.load_failed(fleet.take_load(fleet.here), {});
  CHECK(fleet.told(fleet.a) == nil);
  fleet.get(fleet.here, fleet.b);
  CHECK(fleet.told(fleet.b) == nil);
  CHECK(fleet.here.loads.empty());
  fleet.pass(milliseconds(5'010));
  fleet.get(fleet.here, fleet.b);
  CHECK(fleet.here.loads.size() == 1);
}

TEST_CASE("That there is no row the other sidecar hears of, and asks no more") {
  Fleet fleet;
  fleet.get(fleet.here, fleet.a);
  fleet.get(fleet.there, fleet.other);
  fleet.here.load_failed(fleet.take_load(fleet.here), {});
  fleet.settle();
  CHECK(fleet.told(fleet.a) == nil);
  CHECK(fleet.there.take(fleet.other) == nil);
  fleet.pass(milliseconds(3'000));
  SUBCASE("who asks later, too") {
    fleet.get(fleet.there, fleet.other);
    CHECK(fleet.there.take(fleet.other) == nil);
    CHECK(fleet.there.loads.empty());
    fleet.pass(milliseconds(2'010));
    fleet.get(fleet.there, fleet.other);
    CHECK(fleet.there.loads.size() == 1);
  }
  SUBCASE("until it is invalidated") {
    fleet.invalidate(false);
    fleet.pass(milliseconds(20));
    fleet.get(fleet.there, fleet.other);
    CHECK(fleet.there.loads.size() == 1);
  }
  SUBCASE("until the key is removed") {
    SUBCASE("") { fleet.send(fleet.b, {"DEL", "sum:2026-11-21:7"}); }
    SUBCASE("in a transaction") {
      fleet.send(fleet.b, {"MULTI"});
      fleet.send(fleet.b, {"UNLINK", "sum:2026-11-21:7"});
      fleet.send(fleet.b, {"EXEC"});
    }
    fleet.pass(milliseconds(60));
    fleet.get(fleet.there, fleet.other);
    CHECK(fleet.there.loads.size() == 1);
    fleet.get(fleet.here, fleet.a);
    CHECK(fleet.here.loads.empty());
  }
}

TEST_CASE("What was removed by name elsewhere while the query ran is asked for again") {
  Fleet fleet;
  fleet.get(fleet.here, fleet.a);
  const auto load = fleet.take_load(fleet.here);
  fleet.there.send(fleet.other, wire_of({"DEL", "sum:2026-11-21:7"}));
  fleet.settle();
  fleet.there.take(fleet.other);
  fleet.here.load_failed(load, {});
  fleet.pass(milliseconds(60));
  CHECK_FALSE(fleet.redis.value(0, "pn:n:sum:2026-11-21:7"));
  fleet.get(fleet.there, fleet.other);
  CHECK(fleet.there.loads.size() == 1);
}

TEST_CASE("What another query has not found says nothing") {
  OriginSettings origin;
  origin.sql = "SELECT 1";
  Fleet fleet;
  fleet.get(fleet.here, fleet.a);
  const auto load = fleet.take_load(fleet.here);
  fleet.here.load_failed(load, {});
  fleet.settle();
  const auto record = fleet.redis.value(0, "pn:n:sum:2026-11-21:7");
  REQUIRE(record);
  std::string reply;
  pannier::protocol::append_bulk(reply, *record);
  const auto& known = fleet.here.pipeline().core().rules->settings().origins->all[0];
  CHECK(absence::began_of(reply, known) == load.begins);
  CHECK_FALSE(absence::began_of(reply, origin));
  CHECK_FALSE(absence::began_of("$-1\r\n", known));
  CHECK_FALSE(absence::began_of("$3\r\nx y\r\n", known));
  CHECK_FALSE(absence::began_of("-NOPERM no\r\n", known));
}

TEST_CASE("Without a negative_ttl nothing is remembered, and the other sidecar asks") {
  Fleet fleet(OnError::error, milliseconds(0), milliseconds(0));
  fleet.get(fleet.here, fleet.a);
  fleet.get(fleet.there, fleet.other);
  fleet.here.load_failed(fleet.take_load(fleet.here), {});
  fleet.settle();
  CHECK(fleet.told(fleet.a) == nil);
  CHECK(fleet.there.loads.size() == 1);
}
