// What an origin has not found, and who knows that for how long.

#include <doctest/doctest.h>

#include "origin_fleet.hpp"

using namespace pannier::policies;
using pannier::tests::FakeRedis;
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
    fleet.here.send(fleet.b, wire_of({"DEL", "sum:2026-11-21:7"}));
    fleet.settle();
    fleet.get(fleet.there, fleet.other);
    CHECK(fleet.there.loads.size() == 1);
    fleet.get(fleet.here, fleet.a);
    CHECK(fleet.here.loads.empty());
  }
}

TEST_CASE("That there was no row before an invalidation keeps nobody from asking") {
  Fleet fleet;
  fleet.get(fleet.here, fleet.a);
  const auto load = fleet.take_load(fleet.here);
  fleet.pass(milliseconds(20));
  // It ends before it has heard of what the other one knows already.
  FakeRedis::Connection direct;
  const auto began = std::to_string(load.begins.time_since_epoch().count());
  fleet.redis.execute(direct, wire_of({"SET", "pn:l:sum:2026-11-21:7", "none " + began}));
  fleet.invalidate(false);
  fleet.pass(milliseconds(20));
  fleet.get(fleet.there, fleet.other);
  CHECK(fleet.there.loads.size() == 1);
}
