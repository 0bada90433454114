#include "policies/dated_ttl.hpp"

#include <doctest/doctest.h>

#include "policies/expiry.hpp"
#include "subjects.hpp"
#include "tests/support/sidecar.hpp"

using namespace pannier;
using namespace pannier::policies;

namespace {

using std::chrono::hours;
using std::chrono::minutes;

DatedTtl dated(std::string_view condition, milliseconds then, milliseconds otherwise) {
  DatedTtl dated;
  CHECK(dated.read_condition(condition).empty());
  dated.then = then;
  dated.otherwise = otherwise;
  return dated;
}

/// A sidecar whose reports live five minutes while their day is not over, then 30 days.
struct Reports {
  tests::FakeRedis redis;
  std::optional<tests::Sidecar> sidecar;
  tests::Sidecar::ClientId client{};

  explicit Reports(std::vector<std::string> tags = {}) {
    Settings settings;
    settings.tiers.push_back(tier_of(hours(30 * 24)));
    settings.tiers[0].dated = dated("date({day}) is today", minutes(5), hours(30 * 24));
    settings.rules.push_back(rule_of({"report:{day}"}, std::move(tags)));
    redis.now = ServerTime(milliseconds(parse_date("2026-11-21")->time_since_epoch()));
    sidecar.emplace(redis, settings, TimePoint(hours(1)), true);
    sidecar->settle();
    client = sidecar->connect();
  }
  void pass(milliseconds time) {
    redis.now += time;
    sidecar->now += time;
    sidecar->tick();
    sidecar->settle();
  }
  std::string ask(std::vector<std::string_view> words) {
    sidecar->send(client, tests::wire_of(words));
    sidecar->settle();
    return sidecar->take(client);
  }
  /// Loads what is missing. \returns whether it was.
  bool loads(std::string_view key) {
    if (ask({"GET", key}) != "$-1\r\n") return false;
    CHECK(ask({"SET", key, "v"}) == "+OK\r\n");
    return true;
  }
};

}  // namespace

TEST_CASE("Days to come count as today, and what is no date takes the other TTL") {
  const auto ttl = dated("date({day}) is today", minutes(5), hours(720));
  const auto today = *parse_date("2026-11-21");
  CHECK(ttl.ttl("2026-11-21", today) == minutes(5));
  CHECK(ttl.ttl("20261122", today) == minutes(5));
  CHECK(ttl.ttl("2026-11-20", today) == hours(720));
  CHECK(ttl.ttl("latest", today) == hours(720));
  CHECK(ttl.condition() == "date({day}) is today");
}

TEST_CASE("Before and after today") {
  const auto today = *parse_date("2026-11-21");
  const auto before = dated("date({d}) is before today", hours(720), minutes(5));
  CHECK(before.ttl("2026-11-20", today) == hours(720));
  CHECK(before.ttl("2026-11-21", today) == minutes(5));
  const auto after = dated("date({d}) is after today", minutes(1), minutes(5));
  CHECK(after.ttl("2026-11-22", today) == minutes(1));
  CHECK(after.ttl("2026-11-21", today) == minutes(5));
}

TEST_CASE("The life of a key never becomes shorter as days pass") {
  for (const auto& [condition, then, otherwise] :
       {std::tuple("date({d}) is today", minutes(5), minutes(60)),
        std::tuple("date({d}) is before today", minutes(60), minutes(5)),
        std::tuple("date({d}) is after today", minutes(5), minutes(60))}) {
    const auto ttl = dated(condition, then, otherwise);
    CHECK(ttl.only_grows());
    auto day = *parse_date("2026-11-18");
    for (auto last = ttl.ttl("2026-11-21", day); day < *parse_date("2026-11-25");
         day += std::chrono::days(1)) {
      CHECK(ttl.ttl("2026-11-21", day) >= last);
      last = ttl.ttl("2026-11-21", day);
    }
  }
}

TEST_CASE("Jitter applies to both, always by the same share") {
  auto tier = tier_of(hours(100), milliseconds(0), .5);
  tier.dated = dated("date({day}) is today", hours(1), hours(100));
  const auto set = rule_of({"r:{day}"});
  Match match;
  match.pattern = &set.match.front();
  REQUIRE(match.pattern->matches("r:2026-11-21", match.captures));
  const ServerTime today{milliseconds(parse_date("2026-11-21")->time_since_epoch())};
  const auto now = life_of(tier, "r:2026-11-21", match, today).fresh;
  const auto later = life_of(tier, "r:2026-11-21", match, today + hours(24)).fresh;
  CHECK(now < hours(1));
  CHECK(later.count() / now.count() == 100);
  CHECK(later == life_of(tier, "r:2026-11-21").fresh);
}

TEST_CASE("A value of today is loaded anew every five minutes, and after midnight kept for long") {
  Reports reports;
  CHECK(reports.loads("report:2026-11-20"));
  CHECK(reports.loads("report:2026-11-21"));
  CHECK(reports.ask({"TTL", "report:2026-11-20"}) == ":2592000\r\n");
  CHECK(reports.ask({"TTL", "report:2026-11-21"}) == ":300\r\n");
  reports.pass(minutes(6));
  CHECK_FALSE(reports.loads("report:2026-11-20"));
  CHECK(reports.loads("report:2026-11-21"));
  reports.pass(hours(24));  // It is the day after.
  CHECK(reports.loads("report:2026-11-21"));
  CHECK(reports.ask({"TTL", "report:2026-11-21"}) == ":2592000\r\n");
  reports.pass(hours(24));
  CHECK_FALSE(reports.loads("report:2026-11-21"));
}

TEST_CASE("What was stored for five minutes just before midnight ends with them") {
  Reports reports;
  reports.pass(hours(24) - minutes(1));
  CHECK(reports.loads("report:2026-11-21"));
  reports.pass(minutes(2));
  CHECK_FALSE(reports.loads("report:2026-11-21"));
  CHECK(reports.ask({"TTL", "report:2026-11-21"}) == ":180\r\n");
  reports.pass(minutes(3));
  CHECK(reports.loads("report:2026-11-21"));
}

TEST_CASE("No value looks younger than it is because its day has come") {
  Reports reports({"reports"});
  // Tomorrow's: were it stored for 30 days, then 30 days later it would look as if it had just
  // begun, whatever was invalidated meanwhile.
  CHECK(reports.loads("report:2026-11-22"));
  CHECK(reports.ask({"TTL", "report:2026-11-22"}) == ":300\r\n");
  for (int day = 0; day < 3; ++day) {
    reports.loads("report:2026-11-22");
    reports.sidecar->pipeline();
    auto* client = const_cast<Client*>(&reports.sidecar->client(reports.client));
    (void)client;
    reports.pass(hours(23) + minutes(58));
    reports.loads("report:2026-11-22");
    CHECK(reports.redis.value(0, "pn:g:reports"));
    const auto raised = reports.redis.now.time_since_epoch().count() + 1;
    tests::FakeRedis::Connection outside;
    reports.redis.execute(outside, tests::wire_of({"SET", "pn:g:reports", std::to_string(raised)}));
    reports.pass(milliseconds(10));
    CHECK(reports.loads("report:2026-11-22"));
    reports.pass(minutes(2));
  }
}
