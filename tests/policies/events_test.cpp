#include "policies/events.hpp"

#include <doctest/doctest.h>

#include "policies/idempotency.hpp"
#include "policies/replay_guard.hpp"
#include "protocol/glob.hpp"

using namespace pannier;
using namespace pannier::policies;

namespace {

using Texts = std::vector<std::string>;

JsonDocument json(std::string_view text) {
  auto parsed = JsonDocument::parse(text);
  REQUIRE(parsed);
  return std::move(*parsed);
}

Targets targets(const TargetSettings& settings) {
  auto made = Targets::compile(settings);
  REQUIRE_MESSAGE(made.has_value(), made.error());
  return std::move(*made);
}

TargetSettings patterns(Texts texts) {
  TargetSettings settings;
  settings.patterns = std::move(texts);
  return settings;
}

std::string error(const TargetSettings& settings, std::string_view payload,
                  std::size_t most = 1000) {
  const auto what = targets(settings).fill(json(payload), most);
  return what ? "nothing" : what.error();
}

RuleSettings rule(std::string name, std::string match, Texts tags) {
  RuleSettings made;
  made.name = std::move(name);
  made.match.push_back(*protocol::KeyPattern::compile(match));
  made.tags = std::move(tags);
  return made;
}

}  // namespace

TEST_CASE("Fields of a payload are filled into keys, tags and patterns") {
  TargetSettings settings;
  settings.keys = {"stats:{shop.id}", "all"};
  settings.tags = {"dealership_{dealership_id}"};
  settings.patterns = {"kpi:inventory:{dealership_id}:*"};
  settings.all_of = {{"daily", "shop:{shop.id}"}};
  const auto what =
      targets(settings).fill(json(R"({"dealership_id": 17, "shop": {"id": "a b"}})"), 10);
  REQUIRE(what.has_value());
  CHECK(what->keys == Texts{"stats:a b", "all"});
  CHECK(what->tags == Texts{"dealership_17"});
  CHECK(what->patterns == Texts{"kpi:inventory:17:*"});
  CHECK(what->all_of == std::vector<Texts>{{"daily", "shop:a b"}});
}

TEST_CASE("What a payload says never widens a pattern") {
  const auto made = targets(patterns({"kpi:{id}:*"}));
  for (const std::string id : {"*", "?", "[a-z]", "a*b", "\\\\", "[", "]", "^", "{x}"}) {
    const auto what = made.fill(json("{\"id\": \"" + id + "\"}"), 10);
    REQUIRE(what.has_value());
    const auto& pattern = what->patterns.front();
    CAPTURE(pattern);
    const std::string value = id == "\\\\" ? "\\" : id;
    CHECK(protocol::glob_matches(pattern, "kpi:" + value + ":x"));
    for (const std::string other : {"17", "a", "b", "ab", "axb", "xx"}) {
      CHECK_FALSE(protocol::glob_matches(pattern, "kpi:" + other + ":x"));
    }
  }
}

TEST_CASE("A list makes as many targets as it has values, up to the limit") {
  TargetSettings settings;
  settings.keys = {"item:{items[*].id}"};
  const std::string three = R"({"items": [{"id": 1}, {"id": "b"}, {"id": 3}]})";
  CHECK(targets(settings).fill(json(three), 3)->keys == Texts{"item:1", "item:b", "item:3"});
  const std::string too_many =
      "'item:{items[*].id}' stands for too many targets (limits.max_targets)";
  CHECK(error(settings, three, 2) == too_many);
  CHECK(targets(settings).fill(json(R"({"items": []})"), 3)->size() == 0);
  settings.keys.insert(settings.keys.begin(), "first");
  CHECK(error(settings, three, 3) == too_many);
  std::string thousand = "{\"items\": [";
  for (int i = 0; i < 1000; ++i) thousand += "{\"id\":" + std::to_string(i) + "},";
  thousand.back() = ']';
  CHECK(targets(settings).fill(json(thousand + "}"), 1001)->keys.size() == 1001);
  CHECK(error(settings, thousand + "}", 1000) == too_many);
}

TEST_CASE("Fields that are missing, empty, not a scalar or too long are refused by name") {
  const auto by_id = patterns({"a:{id}"});
  CHECK(error(by_id, "{}") == "the payload says nothing of 'id'");
  CHECK(error(by_id, R"({"id": null})") == "the payload says nothing of 'id'");
  CHECK(error(by_id, R"({"id": {}})") == "the payload says nothing of 'id'");
  CHECK(error(by_id, R"({"id": ""})") == "'id' is empty in the payload");
  CHECK(error(by_id, "{\"id\": \"" + std::string(2000, 'x') + "\"}") ==
        "'a:{id}' would have more than 1024 bytes");
}

TEST_CASE("Ranges take dates, in their order") {
  TargetSettings settings;
  settings.ranges = {{"analytics", "{from}", "{to}"}};
  const auto what = targets(settings).fill(json(R"({"from": "2026-02-28", "to": "20260301"})"), 1);
  REQUIRE(what.has_value());
  CHECK(what->ranges.front().rule == "analytics");
  CHECK(date_text(what->ranges.front().to) == "2026-03-01");
  CHECK(error(settings, R"({"from": "2026-02-30", "to": "2026-03-01"})") ==
        "'{from}' is '2026-02-30', not a date such as 2026-11-21");
  CHECK(error(settings, R"({"from": "2026-03-02", "to": "2026-03-01"})") ==
        "2026-03-02 is after 2026-03-01");
  CHECK(error(settings, R"({"from": "*", "to": "*"})").starts_with("'{from}' is '*'"));
}

TEST_CASE("Templates that cannot be understood are refused with the place") {
  const auto wrong = [](std::string text) { return Targets::compile(patterns({text})).error(); };
  CHECK(wrong("a:{id") == "'a:{id': '{' without '}'; write \\{ for the brace itself");
  CHECK(wrong("a}").ends_with("write \\} for the brace itself"));
  CHECK(wrong("a:{}").starts_with("'a:{}': {} is not a field: "));
  CHECK(targets(patterns({"\\{{id}\\}"})).fill(json(R"({"id": 1})"), 1)->patterns == Texts{"{1}"});
}

TEST_CASE("After a gap all is invalidated that any payload could have named") {
  std::vector<RuleSettings> rules{rule("stats", "stats:{id}", {"shop:{id}", "daily"}),
                                  rule("other", "other:{id}", {"user:{id}"}),
                                  rule("range", "r:{from}:{to}", {}),
                                  rule("by value", "v:{id}", {}),
                                  rule("by value 2", "w:{id}", {}),
                                  rule("run time", "t:{id}", {})};
  rules[3].tags_from.push_back({*JsonPath::compile("$.shop"), "shop:{}"});
  rules[4].tags_from.push_back({*JsonPath::compile("$.user"), "user:{}"});
  rules[5].runtime_tags = true;
  TargetSettings settings;
  settings.keys = {"key:{id}:*", "fixed"};
  settings.tags = {"shop:{id}", "kpi"};
  settings.patterns = {"kpi:{a}{b}:*"};
  settings.ranges = {{"range", "{from}", "{to}"}};
  const auto what = targets(settings).widest(rules);
  CHECK(what.keys == Texts{"fixed"});
  CHECK(what.tags == Texts{"kpi"});
  CHECK(what.patterns == Texts{"key:*:\\*", "kpi:*:*"});
  CHECK(what.rules == Texts{"by value", "range", "run time", "stats"});
}

TEST_CASE("An event concerns only payloads that say what its condition demands") {
  EventSettings settings;
  settings.when = {{"source", {"final_watchdog", "manual"}}, {"rows", {"1"}}};
  settings.idempotency = "{source}:{rows}";
  const auto event = Event::compile(settings);
  REQUIRE(event.has_value());
  CHECK(event->concerns(json(R"({"source": "manual", "rows": 1})")));
  CHECK_FALSE(event->concerns(json(R"({"source": "manual", "rows": 2})")));
  CHECK_FALSE(event->concerns(json(R"({"rows": 1})")));
  CHECK(event->idempotency_key(json(R"({"source": "manual", "rows": 1})"))->front() == "manual:1");
  CHECK(event->idempotency_key(json("{}")).error() == "the payload says nothing of 'source'");
}

TEST_CASE("A signature is believed once, and only near its time") {
  ReplayGuard guard(2);
  const auto at = [](int s) { return ServerTime(std::chrono::seconds(s)); };
  const milliseconds window(300'000);
  using Finding = ReplayGuard::Finding;
  CHECK(guard.take("a", at(1000), at(1000), window) == Finding::fine);
  CHECK(guard.take("a", at(1000), at(1000), window) == Finding::replayed);
  CHECK(guard.take("a", at(1000), at(1300), window) == Finding::replayed);
  CHECK(guard.take("b", at(1000), at(1301), window) == Finding::outside_window);
  CHECK(guard.take("b", at(1301), at(1000), window) == Finding::outside_window);
  CHECK(guard.take("b", at(1300), at(1000), window) == Finding::fine);
  CHECK(guard.take("c", at(1000), at(1000), window) == Finding::full);
  CHECK(guard.take("b", at(1300), at(1600), window) == Finding::replayed);
  CHECK(guard.take("c", at(1601), at(1601), window) == Finding::fine);
}

TEST_CASE(
    "An event with a key is carried out once while the key is known, and the table is bounded") {
  IdempotencyTable table(2);
  const auto at = [](int s) { return TimePoint(std::chrono::seconds(s)); };
  const milliseconds life(60'000);
  CHECK(table.find_or_begin("a", at(0), life) == nullptr);
  CHECK_FALSE(table.find_or_begin("a", at(1), life)->done);
  table.finish("a", "7");
  CHECK(table.find_or_begin("a", at(2), life)->answer == "7");
  CHECK(table.find_or_begin("a", at(60), life) == nullptr);
  table.give_up("a");
  CHECK(table.find_or_begin("a", at(61), life) == nullptr);
  for (const char* key : {"b", "c", "d", "e"}) table.find_or_begin(key, at(62), life);
  CHECK(table.size() <= 3);
}
