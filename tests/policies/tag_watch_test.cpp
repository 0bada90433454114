#include "policies/tag_watch.hpp"

#include <doctest/doctest.h>

#include "protocol/reply.hpp"
#include "subjects.hpp"
#include "tests/support/sidecar.hpp"

using namespace pannier::policies;
using pannier::tests::FakeRedis;
using pannier::tests::Sidecar;

namespace {

using Changes = std::vector<std::string>;

/// Two sidecars before one Redis; somebody watches the first.
struct Fleet {
  FakeRedis redis;
  TimePoint start{seconds(100)};
  Sidecar here{redis, settings(), start, true};
  Sidecar there{redis, settings(), start, true};
  Sidecar::ClientId there_client = there.connect(), here_client = here.connect();

  Fleet() { settle(); }
  static Settings settings() {
    Settings settings;
    settings.tiers.push_back(tier_of(seconds(60), seconds(10)));
    settings.rules.push_back(rule_of({"user:{id}"}, {"t", "u:{id}"}));
    return settings;
  }
  void settle() {
    for (int i = 0; i < 4; ++i) {
      redis.now += milliseconds(10);
      for (auto* sidecar : {&here, &there}) {
        sidecar->now += milliseconds(10);
        sidecar->tick();
        sidecar->settle();
      }
    }
  }
  void watch(std::set<std::string> tags, bool on = true) {
    here.pipeline().watch(tags, on, here.now);
    settle();
  }
  void invalidate(Sidecar& sidecar, Sidecar::ClientId client, Invalidation what) {
    sidecar.act = [&sidecar, &what](Client& asker, const pannier::protocol::Command&)
        -> std::optional<pannier::protocol::Value> {
      sidecar.pipeline().invalidate(asker, std::move(what), sidecar.now);
      return std::nullopt;
    };
    std::string wire;
    pannier::protocol::append_command(wire, {"PANNIER", "INVALIDATE"});
    sidecar.send(client, wire);
    settle();
  }
  void by_another(Invalidation what) { invalidate(there, there_client, std::move(what)); }
  void by_itself(Invalidation what) { invalidate(here, here_client, std::move(what)); }
  void store(const std::string& key) {
    std::string wire;
    pannier::protocol::append_command(wire, {"SET", key, "x"});
    here.send(here_client, wire);
    settle();
  }
  Changes told() { return std::exchange(here.changes, {}); }
};

Invalidation of_tags(std::vector<std::string> tags, bool soft = false) {
  Invalidation what;
  what.tags = std::move(tags);
  what.soft = soft;
  return what;
}

}  // namespace

TEST_CASE("Who watches a tag is told when another sidecar invalidates it, once") {
  Fleet fleet;
  fleet.watch({"t"});
  CHECK(fleet.told().empty());
  fleet.by_another(of_tags({"t", "other"}));
  CHECK(fleet.told() == Changes{"tag t"});
  fleet.by_another(of_tags({"t"}, true));
  CHECK(fleet.told() == Changes{"soft tag t"});
  fleet.settle();
  CHECK(fleet.told().empty());
}

TEST_CASE("A tag that has another name upstream is heard of by its own") {
  Fleet fleet;
  const std::string odd = "caf\xc3\xa9 {x}", lengthy(1'000, 'x');
  fleet.watch({odd, lengthy});
  fleet.by_another(of_tags({odd}));
  CHECK(fleet.told() == Changes{"tag " + odd});
  fleet.by_another(of_tags({lengthy}));
  CHECK(fleet.told() == Changes{"tag " + lengthy});
}

TEST_CASE("What the sidecar invalidates itself is no change, and the next by another is") {
  Fleet fleet;
  fleet.watch({"t"});
  fleet.by_itself(of_tags({"t"}));
  CHECK(fleet.told().empty());
  fleet.by_another(of_tags({"t"}));
  CHECK(fleet.told() == Changes{"tag t"});
}

TEST_CASE("What happened before somebody watched is not told, nor after") {
  Fleet fleet;
  Invalidation pattern;
  pattern.patterns = {"user:1*"};
  fleet.by_another(of_tags({"t"}));
  fleet.by_another(pattern);
  fleet.watch({"t"});
  CHECK(fleet.told().empty());
  pattern.patterns = {"user:2*"};
  fleet.by_another(pattern);
  CHECK(fleet.told() == Changes{"ban phuser:2*"});
  fleet.watch({}, false);
  fleet.by_another(of_tags({"t"}));
  fleet.by_another(pattern);
  CHECK(fleet.told().empty());
}

TEST_CASE("An invalidation while the lane was away is told when it is back") {
  Fleet fleet;
  fleet.watch({"t"});
  fleet.here.break_link({Link::Kind::lane, 0, 0});
  fleet.by_another(of_tags({"t"}));
  fleet.here.retry();
  if (fleet.here.connecting()) fleet.here.connected();
  fleet.settle();
  CHECK(fleet.told() == Changes{"lost ", "tag t"});
}

TEST_CASE("A value stored under a watched tag is told of; without anybody there, nothing is") {
  Fleet fleet;
  fleet.store("user:1");
  CHECK(fleet.told().empty());
  fleet.watch({"u:1"});
  fleet.store("user:2");
  CHECK(fleet.told().empty());
  fleet.store("user:1");
  CHECK(fleet.told() == Changes{"stored user:1"});
}
