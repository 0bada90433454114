#include <doctest/doctest.h>

#include "policies/key_versions.hpp"
#include "subjects.hpp"

using namespace pannier::policies;

namespace {

ServerTime server(std::int64_t ms) { return ServerTime(milliseconds(ms)); }

Settings settings_of(std::uint64_t current, VersionWeights weights) {
  auto rule = rule_of({"user:{id}"});
  rule.name = "user";
  rule.version.mode = VersionMode::transparent;
  rule.version.current = Count{current};
  rule.version.grace = seconds(60);
  rule.version.versions = std::move(weights);
  Settings settings;
  settings.rules.push_back(std::move(rule));
  return settings;
}

struct User : KeyVersions {
  explicit User(VersionWeights weights = {}, std::uint64_t current = 1) {
    configure(settings_of(current, std::move(weights)));
  }
  const Version& version() const { return *find("user"); }
};

const VersionWeights configured{{2, 90}, {3, 10}};

}  // namespace

TEST_CASE(
    "Configured weights count while upstream has none, and make their oldest the current one") {
  User user(configured);
  CHECK(user.version().current == 2);
  CHECK(user.version().shares() == configured);
  CHECK(user.version().newest() == 3);
  user.learn("user", "2 1000 500");
  CHECK(user.version().shares() == configured);
}

TEST_CASE("What an operator has said of weights wins, also that there are none") {
  User user(configured);
  user.learn("user", "2 1000 500 1 4 0 2:50,4:50");
  CHECK(user.version().shares() == VersionWeights{{2, 50}, {4, 50}});
  user.learn("user", "2 1000 500 1 4 0 0");
  CHECK(user.version().shares().empty());
  CHECK(user.version().newest() == 4);
}

TEST_CASE("Weights of versions that are over are none") {
  User user(configured);
  user.learn("user", "3 1000 500");
  CHECK(user.version().shares().empty());
  CHECK(KeyVersions::version_for(user.version(), "user", "web") == 3);
}

TEST_CASE("While a version is pinned there are no weights") {
  User user(configured);
  user.learn("user", "2 1000 500 1 3 1 2:50,3:50");
  CHECK(user.version().pinned);
  CHECK(user.version().shares().empty());
  CHECK(KeyVersions::version_for(user.version(), "user", "web") == 2);
}

TEST_CASE("A reload may change configured weights, and cannot what an operator has said") {
  User user(configured);
  user.learn("user", "2 1000 500");
  user.configure(settings_of(1, {{2, 1}, {5, 1}}));
  CHECK(user.version().shares() == VersionWeights{{2, 1}, {5, 1}});
  user.learn("user", "2 1000 500 1 5 0 0");
  user.configure(settings_of(1, configured));
  CHECK(user.version().shares().empty());
}

TEST_CASE("The version before is in its grace from the bump until its end, where there was one") {
  User user;
  user.learn("user", "7 1000 500 4 7 0 0");
  CHECK(user.version().in_grace(server(1'499)));
  CHECK_FALSE(user.version().in_grace(server(1'500)));
  CHECK(user.version().previous == 4);
  // All between it and the current one were given to somebody.
  CHECK(KeyVersions::standing(user.version(), 5, server(1'499)) == KeyVersions::Standing::grace);
  CHECK(KeyVersions::standing(user.version(), 3, server(1'499)) == KeyVersions::Standing::retired);
  User first;
  first.learn("user", "1 1000 500");
  CHECK_FALSE(first.version().in_grace(server(1'001)));
}

TEST_CASE("A configuration that raises a version makes the one before the previous one") {
  User user;
  user.learn("user", "3 1000 500");
  user.configure(settings_of(5, {}));
  CHECK(user.version().previous == 3);
  user.learn("user", "3 1000 500");
  CHECK(user.version().configured_later);
  CHECK(user.version().previous == 3);
}

TEST_CASE("A sweep that failed is due again after a pause") {
  User user;
  user.learn("user", "3 1000 500");
  user.sweeping("user", 3);
  CHECK(user.version().swept == 3);
  user.sweep_failed("user", server(2'000));
  CHECK(user.version().swept == 0);
  CHECK(user.version().sweep_after == server(2'000));
  user.sweep_failed("other", server(2'000));
}

TEST_CASE("A name keeps its number, and no other gets it") {
  User user;
  const auto number = user.version().number;
  auto other = settings_of(1, {});
  other.rules[0].name = "group";
  user.configure(other);
  CHECK(user.find("group")->number != number);
  user.configure(settings_of(1, {}));
  CHECK(user.version().number == number);
}
