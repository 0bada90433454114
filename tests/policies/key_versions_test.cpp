#include "policies/key_versions.hpp"

#include <doctest/doctest.h>

#include "subjects.hpp"

using namespace pannier::policies;

namespace {

ServerTime server(std::int64_t ms) { return ServerTime(milliseconds(ms)); }

RuleSettings versioned(std::string name, std::uint64_t current, std::string version_name = "") {
  auto rule = rule_of({"user:{id}"});
  rule.name = std::move(name);
  rule.version.mode = VersionMode::transparent;
  rule.version.current = Count{current};
  rule.version.grace = seconds(60);
  rule.version.name = std::move(version_name);
  return rule;
}

Settings settings_of(std::vector<RuleSettings> rules) {
  Settings settings;
  settings.rules = std::move(rules);
  return settings;
}

/// The versions of one rule called "user", configured at 3.
struct User : KeyVersions {
  User() { configure(settings_of({versioned("user", 3)})); }
  const Version& version() const { return *find("user"); }
};

KeyVersions::Version version(std::uint64_t current, std::int64_t bumped_at, std::int64_t grace) {
  KeyVersions::Version made;
  made.current = current;
  made.bumped_at = server(bumped_at);
  made.grace = milliseconds(grace);
  return made;
}

}  // namespace

TEST_CASE("A rule with versions has one under its name, and a rule without has none") {
  KeyVersions versions;
  versions.configure(settings_of({versioned("user", 3), rule_of({"plain:{id}"})}));
  CHECK(versions.find("user") != nullptr);
  CHECK(versions.find("plain:{id}") == nullptr);
  CHECK(versions.all().size() == 1);
}

TEST_CASE("A version is called as it says, or as its rule") {
  CHECK(version_name(versioned("user", 1)) == "user");
  CHECK(version_name(versioned("user", 1, "people")) == "people");
}

TEST_CASE("Rules may share a version; the highest configured counts") {
  for (const bool reversed : {false, true}) {
    auto one = versioned("user", 3, "people"), other = versioned("group", 5, "people");
    if (reversed) std::swap(one, other);
    KeyVersions versions;
    versions.configure(settings_of({one, other}));
    CHECK(versions.all().size() == 1);
    REQUIRE(versions.find("people"));
    CHECK(versions.find("people")->current == 5);
  }
}

TEST_CASE("A version is not known before upstream has answered") {
  User user;
  CHECK_FALSE(user.version().known);
  CHECK(user.version().must_read);
}

TEST_CASE("Where upstream has no record the configured version counts, and must be written there") {
  User user;
  user.learn("user", "");
  CHECK(user.version().known);
  CHECK(user.version().current == 3);
  CHECK(user.version().configured_later);
}

TEST_CASE("A higher version upstream wins, with when it was bumped and how long its grace is") {
  User user;
  user.learn("user", "7 1700000000000 90000");
  CHECK(user.version().known);
  CHECK(user.version().current == 7);
  CHECK(user.version().bumped_at == server(1'700'000'000'000));
  CHECK(user.version().grace == seconds(90));
  CHECK_FALSE(user.version().configured_later);
}

TEST_CASE("A lower version upstream loses, and must be written over") {
  User user;
  user.learn("user", "2 1700000000000 90000");
  CHECK(user.version().known);
  CHECK(user.version().current == 3);
  CHECK(user.version().configured_later);
}

TEST_CASE("A version never goes back, even if upstream has lost it") {
  User user;
  user.learn("user", "7 1700000000000 90000");
  user.learn("user", "");
  CHECK(user.version().current == 7);
  CHECK(user.version().configured_later);
  user.learn("user", "4 1700000005000 90000");
  CHECK(user.version().current == 7);
  CHECK(user.version().configured_later);
}

TEST_CASE("Once upstream has the version again nothing needs to be written") {
  User user;
  user.learn("user", "");
  user.learn("user", "3 1700000000000 60000");
  CHECK(user.version().current == 3);
  CHECK_FALSE(user.version().configured_later);
}

TEST_CASE("The same version upstream tells when it was bumped") {
  User user;
  user.learn("user", "3 1700000000000 90000");
  CHECK(user.version().bumped_at == server(1'700'000'000'000));
  CHECK(user.version().grace == seconds(90));
}

TEST_CASE("A record that makes no sense does not change the version") {
  for (const std::string_view record :
       {"x", "7x", "-7 0 0", "99999999999999999999999 0 0", " ", "7", "7 x y", "7 1 ", "+7 1 1"}) {
    CAPTURE(record);
    User user;
    user.learn("user", record);
    CHECK((user.version().current == 3 || record.starts_with("7")));
  }
}

TEST_CASE("The highest version there can be is taken whole") {
  User user;
  user.learn("user", "9007199254740992 1700000000000 60000");
  CHECK(user.version().current == 9'007'199'254'740'992);
}

TEST_CASE("A version that nobody configured is not learned") {
  User user;
  user.learn("other", "7 1700000000000 90000");
  CHECK(user.find("other") == nullptr);
}

TEST_CASE("An outdated version is read again once, and is meanwhile the one known before") {
  User user;
  user.learn("user", "7 1700000000000 90000");
  user.reading("user");
  CHECK_FALSE(user.version().must_read);
  user.outdate("user");
  CHECK(user.version().must_read);
  CHECK(user.version().known);
  CHECK(user.version().current == 7);
  user.reading("user");
  CHECK_FALSE(user.version().must_read);
}

TEST_CASE("A push that comes while the version is being read makes it be read once more") {
  User user;
  user.reading("user");
  user.outdate("user");
  user.learn("user", "4 1700000000000 90000");
  CHECK(user.version().must_read);
}

TEST_CASE("All versions can be outdated at once, and names that nobody knows are no matter") {
  KeyVersions versions;
  versions.configure(settings_of({versioned("user", 1), versioned("group", 1)}));
  for (const auto name : {"user", "group", "other"}) versions.reading(name);
  CHECK_FALSE(versions.find("user")->must_read);
  versions.outdate("other");
  CHECK_FALSE(versions.find("user")->must_read);
  versions.outdate_all();
  CHECK(versions.find("user")->must_read);
  CHECK(versions.find("group")->must_read);
}

TEST_CASE("Without upstream the configured version is all there is") {
  User user;
  user.settle_without_upstream();
  CHECK(user.version().known);
  CHECK(user.version().current == 3);
}

TEST_CASE("A reload keeps what is known of names that stay, and drops the others") {
  KeyVersions versions;
  versions.configure(settings_of({versioned("user", 3), versioned("group", 1)}));
  versions.learn("user", "7 1700000000000 90000");
  versions.configure(settings_of({versioned("user", 3), versioned("team", 2)}));
  CHECK(versions.find("user")->current == 7);
  CHECK(versions.find("user")->known);
  CHECK(versions.find("user")->bumped_at == server(1'700'000'000'000));
  CHECK(versions.find("group") == nullptr);
  CHECK_FALSE(versions.find("team")->known);
}

TEST_CASE("A reload that raises a version wins, and must be written upstream") {
  User user;
  user.learn("user", "7 1700000000000 90000");
  user.configure(settings_of({versioned("user", 9)}));
  CHECK(user.version().current == 9);
  CHECK((user.version().configured_later || user.version().must_read));
}

TEST_CASE("The current version of a key may do everything") {
  CHECK(KeyVersions::standing(version(7, 1'000, 500), 7, server(5'000)) ==
        KeyVersions::Standing::current);
}

TEST_CASE("The version before stays readable for its grace, and is retired after it") {
  const auto bumped = version(7, 1'000, 500);
  CHECK(KeyVersions::standing(bumped, 6, server(1'000)) == KeyVersions::Standing::grace);
  CHECK(KeyVersions::standing(bumped, 6, server(1'499)) == KeyVersions::Standing::grace);
  CHECK(KeyVersions::standing(bumped, 6, server(1'500)) == KeyVersions::Standing::retired);
}

TEST_CASE("Versions before the last one are retired at once") {
  CHECK(KeyVersions::standing(version(7, 1'000, 500), 5, server(1'000)) ==
        KeyVersions::Standing::retired);
  CHECK(KeyVersions::standing(version(7, 1'000, 500), 0, server(1'000)) ==
        KeyVersions::Standing::retired);
}

TEST_CASE("Without grace the version before is retired with the bump") {
  CHECK(KeyVersions::standing(version(7, 1'000, 0), 6, server(1'001)) ==
        KeyVersions::Standing::retired);
}
