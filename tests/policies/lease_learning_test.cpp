#include "policies/lease_learning.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace pannier::policies;

namespace {

constexpr microseconds instant{1};
const TimePoint start(seconds(1'000));

/// Outcomes of a rule; each of a key of its own, so that no key fails twice in a row.
struct LearnedRule {
  LeaseLearning learning;
  int keys = 0;

  void fill(int times) {
    for (int i = 0; i < times; ++i) learning.filled("rule", next_key(), milliseconds(10));
  }
  void fail(int times, TimePoint now = start) {
    for (int i = 0; i < times; ++i) learning.in_vain("rule", next_key(), now);
  }
  bool waits(TimePoint now) { return learning.worth_waiting("rule", "another key", now); }

 private:
  std::string next_key() { return "key" + std::to_string(keys++); }
};

/// A rule whose last grants were all in vain, when its rest is just over.
struct RuleOnTrial : LearnedRule {
  TimePoint now = start + LeaseLearning::rest;
  RuleOnTrial() {
    fail(50);
    REQUIRE(waits(now));
  }
};

}  // namespace

TEST_CASE("Waiting is worth it until something else is known") {
  LearnedRule rule;
  CHECK(rule.waits(start));
}

TEST_CASE("A few grants in vain prove nothing yet") {
  LearnedRule rule;
  rule.fail(static_cast<int>(LeaseLearning::sample) - 1);
  CHECK(rule.waits(start));
  rule.fail(1);
  CHECK_FALSE(rule.waits(start));
}

TEST_CASE("Waiting is worth it where a fifth of the last fifty grants was filled") {
  LearnedRule rule;
  rule.fill(10);
  rule.fail(40);
  CHECK(rule.waits(start));
  rule.fail(1);
  CHECK_FALSE(rule.waits(start));
}

TEST_CASE("Only the last fifty grants count") {
  LearnedRule rule;
  rule.fill(1'000);
  rule.fail(40);
  CHECK(rule.waits(start));
  rule.fail(1);
  CHECK_FALSE(rule.waits(start));
}

TEST_CASE("A rule where waiting is in vain rests for two minutes, and then is tried") {
  LearnedRule rule;
  rule.fail(50);
  CHECK_FALSE(rule.waits(start));
  CHECK_FALSE(rule.waits(start + LeaseLearning::rest - instant));
  CHECK(rule.waits(start + LeaseLearning::rest));
}

TEST_CASE("A trial in vain sends the rule to rest again") {
  RuleOnTrial rule;
  rule.fail(1, rule.now);
  CHECK_FALSE(rule.waits(rule.now));
  CHECK_FALSE(rule.waits(rule.now + LeaseLearning::rest - instant));
  CHECK(rule.waits(rule.now + LeaseLearning::rest));
}

TEST_CASE("A trial that was filled makes waiting worth it again") {
  RuleOnTrial rule;
  rule.fill(1);
  CHECK(rule.waits(rule.now));
  rule.fail(1, rule.now);
  CHECK(rule.waits(rule.now));
}

TEST_CASE("During a trial nobody else is granted a lease") {
  RuleOnTrial rule;
  CHECK_FALSE(rule.waits(rule.now));
}

TEST_CASE("A trial whose outcome never becomes known is repeated after another rest") {
  RuleOnTrial rule;
  CHECK_FALSE(rule.waits(rule.now + LeaseLearning::rest - instant));
  CHECK(rule.waits(rule.now + LeaseLearning::rest));
}

TEST_CASE("Grants in vain of one rule say nothing about another") {
  LearnedRule rule;
  rule.fail(50);
  CHECK(rule.learning.worth_waiting("other", "key", start));
}

TEST_CASE("A key whose holder stayed silent twice in a row is not waited for during 30 seconds") {
  LearnedRule rule;
  auto& learning = rule.learning;
  learning.in_vain("rule", "k", start);
  CHECK(learning.worth_waiting("rule", "k", start));
  learning.in_vain("rule", "k", start);
  CHECK_FALSE(learning.worth_waiting("rule", "k", start));
  CHECK_FALSE(learning.worth_waiting("rule", "k", start + LeaseLearning::key_rest - instant));
  CHECK(learning.worth_waiting("rule", "k", start + LeaseLearning::key_rest));
}

TEST_CASE("A silent key does not keep others of its rule from waiting") {
  LearnedRule rule;
  rule.learning.in_vain("rule", "k", start);
  rule.learning.in_vain("rule", "k", start);
  CHECK(rule.waits(start));
}

TEST_CASE("A SET in between makes a key's silence begin anew") {
  LeaseLearning learning;
  learning.in_vain("rule", "k", start);
  learning.filled("rule", "k", milliseconds(10));
  learning.in_vain("rule", "k", start);
  CHECK(learning.worth_waiting("rule", "k", start));
}

TEST_CASE("A SET ends a key's rest") {
  LeaseLearning learning;
  learning.in_vain("rule", "k", start);
  learning.in_vain("rule", "k", start);
  learning.filled("rule", "k", milliseconds(10));
  CHECK(learning.worth_waiting("rule", "k", start));
}

TEST_CASE("A key is waited for again however many others failed since") {
  LeaseLearning learning;
  for (std::size_t i = 0; i < 2 * LeaseLearning::key_capacity; ++i) {
    const auto key = "k" + std::to_string(i);
    learning.filled("rule", key, milliseconds(10));
    learning.in_vain("rule", key, start);
  }
  learning.in_vain("rule", "new", start);
  CHECK(learning.worth_waiting("rule", "new", start));
  learning.in_vain("rule", "new", start);
  CHECK_FALSE(learning.worth_waiting("rule", "new", start));
}

TEST_CASE("A lease lasts three times the rule's usual load") {
  LeaseLearning learning;
  for (int i = 0; i < 100; ++i) learning.filled("rule", "k", seconds(2));
  CHECK(learning.lease_time("rule") > milliseconds(5'900));
  CHECK(learning.lease_time("rule") <= milliseconds(6'000));
}

TEST_CASE("The usual load follows what loads take now") {
  LeaseLearning learning;
  for (int i = 0; i < 100; ++i) learning.filled("rule", "k", milliseconds(2'500));
  for (int i = 0; i < 100; ++i) learning.filled("rule", "k", milliseconds(500));
  CHECK(learning.lease_time("rule") >= milliseconds(1'500));
  CHECK(learning.lease_time("rule") < milliseconds(1'600));
}

TEST_CASE("One slow load among many changes the lease little") {
  LeaseLearning learning;
  for (int i = 0; i < 100; ++i) learning.filled("rule", "k", milliseconds(500));
  learning.filled("rule", "k", milliseconds(2'000));
  CHECK(learning.lease_time("rule") < milliseconds(3'000));
}

TEST_CASE("A lease lasts between one second and ten") {
  LeaseLearning learning;
  const auto unknown = learning.lease_time("unknown");
  CHECK(unknown >= seconds(1));
  CHECK(unknown <= seconds(10));
  for (int i = 0; i < 100; ++i) learning.filled("fast", "k", microseconds(50));
  CHECK(learning.lease_time("fast") == seconds(1));
  for (int i = 0; i < 100; ++i) learning.filled("slow", "k", seconds(100));
  CHECK(learning.lease_time("slow") == seconds(10));
}
