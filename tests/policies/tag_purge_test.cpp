#include <doctest/doctest.h>

#include <random>
#include <set>

#include "policies/key_sweep.hpp"
#include "subjects.hpp"
#include "swept_upstream.hpp"

using namespace pannier::policies;

namespace {

constexpr std::int64_t generation = 10'000;

/// An upstream whose keys are tagged "t", and the purge of what was loaded until `generation`.
struct Purge {
  SweptUpstream upstream;
  Core core{upstream};
  TierSettings tier;

  explicit Purge(double jitter = 0, std::vector<std::string_view> patterns = {"user:{id}"},
                 VersionMode mode = VersionMode::none)
      : tier(tier_of(milliseconds(100), milliseconds(20), jitter)) {
    Settings settings;
    settings.tiers.push_back(tier);
    settings.tiers.push_back(tier_of(seconds(10)));
    settings.rules.push_back(rule_of(std::move(patterns), {"t"}));
    settings.rules.back().version.mode = mode;
    settings.rules.push_back(rule_of({"{any}:{id}:{version}"}));
    settings.rules.back().tier = 1;
    core.rules = std::make_shared<RuleSet>(settings, core.book);
  }
  /// A value of `name`, whose load began then, stored as `key`.
  void store(const std::string& key, std::int64_t born, std::string_view name) {
    const auto expiry = born + life_of(tier, name).total.count();
    upstream.keys[key] = expiry;
    upstream.lists["pn:t:t"][key] = static_cast<double>(expiry);
  }
  void store(const std::string& key, std::int64_t born) { store(key, born, key); }
  void run() {
    TagPurge::start({Link::Kind::lane, 0, 0}, "t", ServerTime(milliseconds(generation)), core);
    upstream.answer_all(core);
  }
  bool has(const std::string& key) const { return upstream.keys.contains(key); }
  bool lists(const std::string& key) { return upstream.lists["pn:t:t"].contains(key); }
};

}  // namespace

TEST_CASE("A purge removes values loaded until the invalidation, and keeps those loaded after") {
  Purge purge;
  purge.store("user:before", generation - 1);
  purge.store("user:with", generation);
  purge.store("user:after", generation + 1);
  purge.run();
  CHECK_FALSE(purge.has("user:before"));
  CHECK_FALSE(purge.has("user:with"));
  CHECK(purge.has("user:after"));
  CHECK(purge.lists("user:after"));
  CHECK_FALSE(purge.lists("user:before"));
  CHECK(purge.core.book.keys_purged == 2);
}

TEST_CASE("A purge keeps a value that was stored anew since it was listed") {
  Purge purge;
  purge.store("user:7", generation - 50);
  purge.upstream.keys["user:7"] = generation + 500;
  purge.run();
  CHECK(purge.has("user:7"));
  CHECK(purge.core.book.keys_purged == 0);
}

TEST_CASE("A purge keeps a value that is stored anew between being listed and being removed") {
  Purge purge;
  purge.store("user:7", generation - 50);
  TagPurge::start({}, "t", ServerTime(milliseconds(generation)), purge.core);
  purge.upstream.answer(purge.core);
  purge.store("user:7", generation + 50);
  purge.upstream.answer_all(purge.core);
  CHECK(purge.has("user:7"));
  CHECK(purge.lists("user:7"));
}

TEST_CASE("A purge of a tag that lists nothing ends at once") {
  Purge purge;
  purge.run();
  CHECK(purge.core.book.keys_purged == 0);
}

TEST_CASE("A purge takes keys that died meanwhile off the list without counting them") {
  Purge purge;
  purge.store("user:7", generation - 1);
  purge.upstream.keys.clear();
  purge.run();
  CHECK_FALSE(purge.lists("user:7"));
  CHECK(purge.core.book.keys_purged == 0);
}

TEST_CASE("A purge goes in batches, one of them under way at a time") {
  Purge purge;
  for (int i = 0; i < 1'000; ++i) purge.store("user:" + std::to_string(i), generation - i % 100);
  TagPurge::start({}, "t", ServerTime(milliseconds(generation)), purge.core);
  while (purge.upstream.under_way() > 0) {
    REQUIRE(purge.upstream.under_way() == 1);
    purge.upstream.answer(purge.core);
  }
  CHECK(purge.upstream.keys.empty());
  CHECK(purge.core.book.keys_purged == 1'000);
  for (const auto keys : purge.upstream.unlinked) CHECK(keys <= TagPurge::batch);
}

TEST_CASE("A purge finds every invalid value among valid ones, however their jitter mixes them") {
  for (unsigned seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    Purge purge(0.5);
    std::map<std::string, bool> valid;
    for (auto keys = random() % 700; keys > 0; --keys) {
      const auto key = "user:" + std::to_string(keys);
      const auto born = generation - 60 + static_cast<std::int64_t>(random() % 120);
      valid[key] = born > generation;
      purge.store(key, born);
    }
    purge.run();
    for (const auto& [key, stays] : valid) {
      if (purge.has(key) != stays) FAIL(key << (stays ? " is gone" : " is still there"));
    }
  }
}

TEST_CASE("A value under a transparent version is judged by the name that clients use") {
  for (const std::string_view pattern : {"user:{id}", "user:*"}) {
    CAPTURE(pattern);
    Purge purge(1, {pattern}, VersionMode::transparent);
    for (int i = 0; i < 100; ++i) {
      const auto name = "user:" + std::to_string(i);
      purge.store(name + ":v2", generation + (i % 2), name);
    }
    purge.run();
    for (int i = 0; i < 100; ++i) {
      CAPTURE(i);
      CHECK(purge.has("user:" + std::to_string(i) + ":v2") == (i % 2 == 1));
    }
  }
}

TEST_CASE("A purge removes what no rule knows any more") {
  Purge purge;
  purge.store("gone:7", generation + 50);
  purge.upstream.keys["gone:7"] = generation + 100;
  purge.upstream.lists["pn:t:t"]["gone:7"] = generation + 100;
  purge.run();
  CHECK_FALSE(purge.has("gone:7"));
}

TEST_CASE("A purge that cannot read or remove gives up quietly") {
  for (const auto* const command : {"ZRANGEBYSCORE", "EVAL"}) {
    CAPTURE(command);
    Purge purge;
    purge.store("user:7", generation - 1);
    purge.upstream.errors[command] = "-ERR no\r\n";
    purge.run();
    CHECK(purge.has("user:7"));
    CHECK(purge.core.book.keys_purged == 0);
  }
}

TEST_CASE("A value that a purge may not remove does not keep it from the others") {
  Purge purge;
  for (int i = 0; i < 50; ++i) {
    purge.store("user:" + std::to_string(i), generation - 10);
    if (i % 2 == 0) purge.upstream.keys["user:" + std::to_string(i)] = generation + 900'000'000;
  }
  purge.run();
  CHECK(purge.core.book.keys_purged == 25);
}

TEST_CASE("Values that are stored anew where a purge is hide no others from it") {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    Purge purge(0.5);
    for (int i = 0; i < 300; ++i) purge.store("user:" + std::to_string(i), generation - i % 50);
    TagPurge::start({Link::Kind::lane, 0, 0}, "t", ServerTime(milliseconds(generation)),
                    purge.core);
    std::set<std::string> anew;
    while (purge.upstream.under_way() > 0) {
      const auto key = "user:" + std::to_string(random() % 300);
      purge.store(key, generation + 10);
      anew.insert(key);
      purge.upstream.answer(purge.core);
      if (anew.size() > 100) break;
    }
    purge.upstream.answer_all(purge.core);
    for (const auto& [key, expiry] : purge.upstream.keys) CHECK(anew.contains(key));
  }
}

TEST_CASE("A purge begins again when upstream is back") {
  Purge purge;
  purge.store("user:7", generation - 1);
  TagPurge::start({Link::Kind::lane, 0, 0}, "t", ServerTime(milliseconds(generation)), purge.core);
  purge.upstream.die(purge.core);
  resume_purges(purge.core);
  purge.upstream.answer_all(purge.core);
  CHECK_FALSE(purge.has("user:7"));
  REQUIRE(purge.core.purges.size() == 1);
  CHECK(purge.core.purges.front()->removed == 1);
  CHECK(purge.core.purges.front()->ended);
}

TEST_CASE("A purge ends when upstream is lost") {
  Purge purge;
  purge.store("user:7", generation - 1);
  TagPurge::start({}, "t", ServerTime(milliseconds(generation)), purge.core);
  purge.upstream.die(purge.core);
  CHECK(purge.upstream.under_way() == 0);
}
