// What a read knows of an invalidation that another sidecar had answered before it was sent.

#include "two_sidecars.hpp"

namespace pannier::tests {

namespace {

Settings shop() {
  Settings settings;
  settings.tiers.push_back(tier_of(seconds(60), milliseconds(0)));
  settings.rules.push_back(rule_of({"item:{id}"}, {"items", "item:{id}"}));
  settings.rules[0].index = false;
  return settings;
}

/// Of the two sidecars one has read a key and knows its tags; the other invalidates it. Nothing
/// that upstream says then has reached the first when its client asks again.
struct Shop : TwoSidecars {
  Shop() : TwoSidecars(shop()) {
    for (const auto* key : {"item:1", "item:2"}) {
      send(a, {"SET", key, "old"});
      send(a, {"GET", key});
    }
    told(a);
    pass(seconds(1));
  }
  void invalidate(Invalidation what) {
    there.act = [this, what](Client& asker,
                             const protocol::Command&) -> std::optional<protocol::Value> {
      there.pipeline().invalidate(asker, what, there.now);
      return std::nullopt;
    };
    there.send(other, wire_of({"PANNIER", "INVALIDATE"}));
    for (int i = 0; i < 3; ++i) there.settle();
    REQUIRE(there.take(other).starts_with(":"));
  }
  std::string ask(std::vector<std::string_view> words) {
    here.send(a, wire_of(words));
    settle();
    return told(a);
  }
};

}  // namespace

TEST_CASE("A read that is sent when another sidecar has answered an invalidation knows of it") {
  Invalidation tag, pattern, rule;
  tag.tags = {"item:1"};
  pattern.patterns = {"item:1*"};
  rule.rules = {shop().rules[0].name};
  for (const auto* what : {&tag, &pattern, &rule}) {
    CAPTURE(what->tags.size());
    CAPTURE(what->patterns.size());
    SUBCASE("GET") {
      Shop shop;
      shop.invalidate(*what);
      CHECK(shop.ask({"GET", "item:1"}) == nil);
    }
    SUBCASE("MGET") {
      Shop shop;
      shop.invalidate(*what);
      const auto other = what == &rule ? nil : "$3\r\nold\r\n";
      CHECK(shop.ask({"MGET", "item:1", "item:2"}) == "*2\r\n" + nil + other);
    }
    SUBCASE("EXISTS") {
      Shop shop;
      shop.invalidate(*what);
      CHECK(shop.ask({"EXISTS", "item:1"}) == ":0\r\n");
    }
    SUBCASE("TTL") {
      Shop shop;
      shop.invalidate(*what);
      CHECK(shop.ask({"TTL", "item:1"}) == ":-2\r\n");
    }
  }
}

TEST_CASE("A key that is tagged and then set is there, though the clock is known a little late") {
  auto settings = shop();
  settings.rules[0].tags.clear();
  settings.rules[0].runtime_tags = true;
  TwoSidecars two(settings);
  two.redis.now += milliseconds(7);  // Which no reply has told yet.
  two.here.act = [&](Client& asker, const protocol::Command&) -> std::optional<protocol::Value> {
    const std::string_view tags[] = {"sale"};
    two.here.pipeline().tag(asker, "item:1", tags, two.here.now);
    return std::nullopt;
  };
  two.send(two.a, {"PANNIER", "TAG"});
  CHECK(two.told(two.a) == ":1\r\n");
  two.send(two.a, {"SET", "item:1", "v"});
  CHECK(two.told(two.a) == ok);
  two.send(two.a, {"GET", "item:1"});
  CHECK(two.told(two.a) == "$1\r\nv\r\n");
}

}  // namespace pannier::tests
