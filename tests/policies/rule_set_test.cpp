#include "policies/rule_set.hpp"

#include <doctest/doctest.h>

#include <random>

#include "subjects.hpp"

using namespace pannier;
using namespace pannier::policies;

namespace {

/// A rule set of these rules, all of one tier.
struct Rules {
  explicit Rules(std::vector<RuleSettings> rules) : set(settings_of(std::move(rules)), book) {}

  /// The number of the rule a key falls under; -1 when there is none.
  int find(std::string_view key) {
    set.find(key, match);
    return match ? static_cast<int>(match.rule->number) : -1;
  }
  std::vector<std::string> tags(std::string_view key) {
    set.find(key, match);
    return set.tags(match);
  }

  static Settings settings_of(std::vector<RuleSettings> rules) {
    Settings settings;
    settings.tiers.push_back(tier_of(seconds(60)));
    settings.tiers.back().name = "hot";
    settings.rules = std::move(rules);
    return settings;
  }

  CounterBook book;
  RuleSet set;
  Match match;
};

}  // namespace

TEST_CASE("Without rules no key falls under one") {
  Rules rules({});
  CHECK(rules.set.empty());
  CHECK(rules.find("user:7") == -1);
  CHECK(rules.find("") == -1);
}

TEST_CASE("A key falls under the rule whose pattern matches it, and its captures are parts of it") {
  Rules rules({rule_of({"user:{id}:posts:{post}"})});
  const std::string key = "user:7:posts:42";
  REQUIRE(rules.find(key) == 0);
  CHECK(rules.match.capture("id") == "7");
  CHECK(rules.match.capture("post") == "42");
  CHECK(rules.match.capture("other").empty());
  CHECK(rules.match.capture("id").data() == key.data() + 5);
}

TEST_CASE("A match that was used before is none when the next key falls under no rule") {
  Rules rules({rule_of({"user:{id}"})});
  CHECK(rules.find("user:7") == 0);
  CHECK(rules.find("group:7") == -1);
  CHECK_FALSE(rules.match);
  CHECK(rules.match.rule == nullptr);
}

TEST_CASE("A rule has its settings, its place, its tier and that tier's counters") {
  Rules rules({rule_of({"user:{id}"}), rule_of({"group:{id}"})});
  REQUIRE(rules.find("group:7") == 1);
  CHECK(rules.match.rule->settings->name == "group:{id}");
  CHECK(rules.match.rule->tier->ttl == seconds(60));
  CHECK(rules.match.rule->counters == &rules.book.tier("hot"));
  CHECK(rules.match.pattern->text() == "group:{id}");
}

TEST_CASE("Of the rules that match a key the first wins, however much longer another's beginning") {
  struct Row {
    std::vector<std::string_view> patterns;
    std::string_view key;
    int rule;
  };
  const Row rows[] = {
      {{"user:*", "user:7"}, "user:7", 0},
      {{"user:7", "user:*"}, "user:7", 0},
      {{"user:7", "user:*"}, "user:8", 1},
      {{"*", "user:7", "user:*"}, "user:7", 0},
      {{"user:admin:*", "user:*", "*"}, "user:admin:1", 0},
      {{"user:admin:*", "user:*", "*"}, "user:7", 1},
      {{"user:admin:*", "user:*", "*"}, "group:7", 2},
      {{"*:7", "user:*"}, "user:7", 0},
      {{"*:7", "user:*"}, "user:8", 1},
      {{"?ser:{id}", "user:{id}"}, "user:7", 0},
      {{"{kind}:7", "user:7"}, "user:7", 0},
      {{"[ux]ser:*", "user:7"}, "user:7", 0},
      {{"user:{id}", "user:{id}:posts", "user:*"}, "user:7:posts", 1},
      {{"a", "ab", "abc"}, "abc", 2},
      {{"a", "ab", "abc"}, "ab", 1},
      {{"a", "ab", "abc"}, "abcd", -1},
      {{"a", "ab", "abc"}, "", -1},
      {{"user:", "user:*"}, "user:", 0},
      {{"x", "*"}, "", 1},
  };
  for (const auto& row : rows) {
    std::vector<RuleSettings> settings;
    for (const auto pattern : row.patterns) settings.push_back(rule_of({pattern}));
    Rules rules(std::move(settings));
    CAPTURE(row.patterns.front());
    CAPTURE(row.key);
    CHECK(rules.find(row.key) == row.rule);
  }
}

TEST_CASE("A rule applies where any of its patterns does") {
  Rules rules({rule_of({"user:{id}", "member:{name}", "*:person"}), rule_of({"*"})});
  CHECK(rules.find("user:7") == 0);
  CHECK(rules.find("member:ann") == 0);
  CHECK(rules.match.capture("name") == "ann");
  CHECK(rules.match.capture("id").empty());
  CHECK(rules.find("any:person") == 0);
  CHECK(rules.find("group:7") == 1);
}

TEST_CASE("Of the patterns of one rule the first that matches gives the captures") {
  Rules rules({rule_of({"user:{id}", "{kind}:{id}"})});
  REQUIRE(rules.find("user:7") == 0);
  CHECK(rules.match.pattern->text() == "user:{id}");
  CHECK(rules.match.capture("kind").empty());
  REQUIRE(rules.find("group:8") == 0);
  CHECK(rules.match.capture("kind") == "group");
  CHECK(rules.match.capture("id") == "8");
}

TEST_CASE("A key of any bytes is looked up") {
  Rules rules({rule_of({"\xff\xfe:*"}), rule_of({"*"})});
  using namespace std::string_view_literals;
  CHECK(rules.find("\xff\xfe:\0\r\n"sv) == 0);
  CHECK(rules.find("\x7f\xfe:"sv) == 1);
  CHECK(rules.find("\0"sv) == 1);
}

TEST_CASE("Tags come from the captures, sorted and none twice") {
  Rules rules({rule_of({"{tenant}:user:{id}"}, {"users", "user:{id}", "tenant:{tenant}",
                                                "user:{tenant}", "{tenant}-{id}"})});
  CHECK(rules.tags("acme:user:7") ==
        std::vector<std::string>{"acme-7", "tenant:acme", "user:7", "user:acme", "users"});
  CHECK(rules.tags("7:user:7") == std::vector<std::string>{"7-7", "tenant:7", "user:7", "users"});
}

TEST_CASE("A rule without tags gives none") {
  Rules rules({rule_of({"user:{id}"}), rule_of({"group:{id}"}, {"groups"})});
  CHECK(rules.tags("user:7").empty());
  CHECK_FALSE(rules.match.rule->tagged());
  CHECK(rules.tags("group:7") == std::vector<std::string>{"groups"});
  CHECK(rules.match.rule->tagged());
}

TEST_CASE("A captured text that looks like a template stays as it is") {
  Rules rules({rule_of({"{a}:{b}"}, {"t:{a}", "u:{b}"})});
  CHECK(rules.tags("{b}:x") == std::vector<std::string>{"t:{b}", "u:x"});
}

TEST_CASE("The longest life is of the rules with tags only") {
  auto settings =
      Rules::settings_of({rule_of({"a"}), rule_of({"b"}, {"t"}), rule_of({"c"}, {"t"})});
  settings.tiers = {tier_of(seconds(1'000)), tier_of(seconds(60), seconds(5)),
                    tier_of(seconds(62))};
  for (std::size_t i = 0; i < 3; ++i) settings.rules[i].tier = i;
  CounterBook book;
  CHECK(RuleSet(settings, book).longest_life() == seconds(65));
}

TEST_CASE("A rule set does not need the settings it was made from") {
  CounterBook book;
  auto settings =
      std::make_unique<Settings>(Rules::settings_of({rule_of({"user:{id}"}, {"t:{id}"})}));
  const RuleSet set(*settings, book);
  settings.reset();
  Match match;
  set.find("user:7", match);
  REQUIRE(match);
  CHECK(match.rule->settings->name == "user:{id}");
  CHECK(set.tags(match) == std::vector<std::string>{"t:7"});
}

TEST_CASE("Among ten thousand rules the right one is found") {
  std::vector<RuleSettings> settings;
  for (int i = 0; i < 10'000; ++i) {
    const auto number = std::to_string(i);
    settings.push_back(i % 3 == 0   ? rule_of({"app" + number})
                       : i % 3 == 1 ? rule_of({"app" + number + ":{id}"})
                                    : rule_of({"app" + number + ":*:end"}));
  }
  Rules rules(std::move(settings));
  for (int i = 0; i < 10'000; ++i) {
    const auto key = "app" + std::to_string(i) + (i % 3 == 0 ? "" : i % 3 == 1 ? ":x" : ":a:b:end");
    const auto found = rules.find(key);
    if (found != i) FAIL(key << " falls under " << found);
  }
  CHECK(rules.find("app10000") == -1);
  CHECK(rules.find("app") == -1);
}

TEST_CASE("Among ten thousand rules that differ behind captures the right one is found") {
  std::vector<RuleSettings> settings;
  for (int i = 0; i < 5'000; ++i) {
    const auto number = std::to_string(i);
    settings.push_back(rule_of({"{tenant}:table" + number + ":{id}"}));
    settings.push_back(rule_of({"user:{id}:{part}:part" + number}));
  }
  settings.push_back(rule_of({"{tenant}:{table}:{id}"}));
  Rules rules(std::move(settings));
  for (int i = 0; i < 5'000; ++i) {
    const auto number = std::to_string(i);
    CAPTURE(number);
    const auto table = "acme:table" + number + ":7", part = "user:7:x:part" + number;
    CHECK(rules.find(table) == 2 * i);
    CHECK(rules.match.capture("tenant") == "acme");
    CHECK(rules.find(part) == 2 * i + 1);
    CHECK(rules.match.capture("part") == "x");
  }
  CHECK(rules.find("user:table7:x") == 14);
  CHECK(rules.find("user:table5000:x") == 10'000);
  CHECK(rules.find("user::x:part7") == -1);
}

TEST_CASE("Any rules find what trying one after the other would find") {
  const std::string_view pieces[] = {"a",    "b",  ":",   "a:",  "*",    "?",
                                     "[ab]", "ab", "{x}", "{y}", "{z}:", ":{w}"};
  for (unsigned seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    std::vector<RuleSettings> settings;
    for (auto count = random() % 20; settings.size() < count;) {
      std::string text;
      for (auto parts = 1 + random() % 5; parts > 0; --parts) text += pieces[random() % 12];
      if (protocol::KeyPattern::compile(text)) settings.push_back(rule_of({text}));
    }
    Rules rules(settings);
    for (int i = 0; i < 100; ++i) {
      std::string key;
      for (auto parts = random() % 7; parts > 0; --parts) key += "ab:"[random() % 3];
      CAPTURE(key);
      int expected = -1;
      std::vector<std::string_view> captures;
      for (std::size_t n = 0; n < settings.size() && expected < 0; ++n) {
        if (settings[n].match[0].matches(key, captures)) expected = static_cast<int>(n);
      }
      REQUIRE(rules.find(key) == expected);
      if (expected >= 0) REQUIRE(rules.match.captures == captures);
    }
  }
}
