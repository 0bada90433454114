// Upstream comes back as one that has not heard of the last invalidations.

#include <doctest/doctest.h>

#include "protocol/reply.hpp"
#include "subjects.hpp"
#include "tests/support/sidecar.hpp"

using namespace pannier::policies;
using pannier::tests::FakeRedis;
using pannier::tests::Sidecar;
using pannier::tests::wire_of;

namespace {

constexpr Link lane(std::uint32_t db) { return {Link::Kind::lane, db, 0}; }

struct Failover {
  FakeRedis redis;
  FakeRedis::Connection direct;
  TimePoint start{seconds(100)};
  Sidecar here{redis, settings(), start, true}, there{redis, settings(), start, true};
  Sidecar::ClientId client = here.connect(), other = there.connect();

  Failover() {
    here.pipeline().set_name("here");
    there.pipeline().set_name("there");
    pass();
  }
  static Settings settings() {
    Settings settings;
    settings.tiers.push_back(tier_of(seconds(60)));
    settings.tiers[0].coalesce.scope = CoalesceScope::fleet;
    settings.rules.push_back(rule_of({"user:{id}"}));
    return settings;
  }
  void pass() {
    redis.now += milliseconds(10);
    for (auto* sidecar : {&here, &there}) {
      sidecar->now += milliseconds(10);
      sidecar->tick();
      sidecar->settle();
    }
  }
  std::string call(std::vector<std::string_view> words) {
    here.send(client, wire_of(words));
    here.settle();
    return here.take(client);
  }
  void invalidate(const std::string& key) {
    here.act = [this, key](
                   Client& asker,
                   const pannier::protocol::Command&) -> std::optional<pannier::protocol::Value> {
      Invalidation what;
      what.keys = {key};
      here.pipeline().invalidate(asker, std::move(what), here.now);
      return std::nullopt;
    };
    CHECK(call({"PANNIER", "INVALIDATE"}) == ":1\r\n");
  }
  /// What the replica that takes over still has.
  void comes_back_with(std::uint32_t db, std::string_view key, std::string_view value) {
    direct.db = db;
    redis.execute(direct, wire_of({"SET", key, value}));
  }
};

}  // namespace

TEST_CASE("A read that is asked again after a failover comes behind what was invalid before it") {
  Failover test;
  test.call({"SET", "user:1", "old"});
  test.invalidate("user:1");
  test.here.send(test.client, wire_of({"GET", "user:1"}));
  test.comes_back_with(0, "user:1", "old");
  test.here.break_link(lane(0));
  CHECK(test.here.take(test.client).empty());
  test.here.connected();
  test.here.settle();
  CHECK(test.here.take(test.client) == "$-1\r\n");
}

TEST_CASE("A read that waits for the replay is told when upstream does not come back") {
  Failover test;
  test.call({"SET", "user:1", "old"});
  test.invalidate("user:1");
  test.here.send(test.client, wire_of({"GET", "user:1"}));
  test.here.break_link(lane(0));
  CHECK(test.here.take(test.client).empty());
  test.here.refused();
  CHECK(test.here.take(test.client).find("unavailable") != std::string::npos);
}

TEST_CASE("A database whose lane breaks first is told anew what was invalid in it") {
  Failover test;
  test.call({"SELECT", "1"});
  test.call({"SET", "user:1", "old"});
  test.invalidate("user:1");
  test.here.send(test.client, wire_of({"GET", "user:1"}));
  test.comes_back_with(1, "user:1", "old");
  SUBCASE("while a read of it is under way") {
    test.here.break_link(lane(1));
    for (int i = 0; i < 20; ++i) test.pass();
    CHECK(test.here.take(test.client) == "$-1\r\n");
  }
  SUBCASE("and somebody reads it then") {
    test.here.settle();
    CHECK(test.here.take(test.client) == "$3\r\nold\r\n");
    test.here.break_link(lane(1));
    test.here.send(test.client, wire_of({"GET", "user:1"}));
    for (int i = 0; i < 20; ++i) test.pass();
    CHECK(test.here.take(test.client) == "$-1\r\n");
  }
}

TEST_CASE("Who waits for another sidecar's load looks again when what was invalid is told anew") {
  Failover test;
  test.call({"SELECT", "1"});
  test.call({"SET", "user:1", "old"});
  test.invalidate("user:1");
  test.there.send(test.other, wire_of({"SELECT", "1"}));
  test.there.send(test.other, wire_of({"GET", "user:1"}));
  test.there.settle();
  test.there.take(test.other);
  test.here.send(test.client, wire_of({"GET", "user:1"}));
  test.here.settle();
  CHECK(test.here.take(test.client).empty());
  test.here.break_link(lane(1));
  test.comes_back_with(1, "user:1", "old");
  for (int i = 0; i < 20; ++i) test.pass();
  CHECK(test.here.take(test.client).find("old") == std::string::npos);
}
