#include <stdlib.h>
#include <unistd.h>

#include <filesystem>

#include "config_errors.hpp"
#include "policies/automation.hpp"
#include "policies/spelling.hpp"

using namespace pannier;
using namespace pannier::proxy;

namespace {

policies::Automation automation(std::string_view yaml) {
  const auto loaded = parse_config(yaml, "c");
  REQUIRE_MESSAGE(loaded.has_value(), loaded.error());
  REQUIRE(loaded->settings.automation);
  return *loaded->settings.automation;
}

std::string event(const std::string& rest) { return "events:\n  e: {" + rest + "}\n"; }

}  // namespace

TEST_CASE("Events, sources, schedules and hooks are read, and printed back to the same") {
  const std::string yaml = R"(
tiers: {t: {ttl: 1s}}
rules: [{match: "a:{from}:{to}", name: analytics, tier: t, dates: [from, to]}]
webhook: {secret: 0123456789abcdef, window: 1m}
events:
  kpi_data_updated:
    when: {source: final_watchdog, "order.kind": [a, "1"]}
    schema: {type: object, properties: {n: {type: integer, minimum: 3}, s: {const: "3"}}}
    invalidate:
      keys: ["stats:{id}"]
      tags: [kpi]
      all_of: [[daily, "shop:{shop.id}"]]
      patterns: ["kpi:{dealership_id}:*"]
      ranges: [{rule: analytics, from: "{startDate}", to: "2026-01-01"}]
      rules: [analytics]
      soft: true
    reply: {message: "done \"{id}\"", n: "{count}", list: [1, true, "true", ~]}
    idempotency: "{id}"
sources:
  - {redis_channel: rylie:cache_events, event: "{name}", events: [kpi_data_updated]}
schedules:
  eod: {cron: "0 0 * * *", jitter: 30s, catch_up: false, invalidate: {tags: [daily]}}
  often: {every: 5m, invalidate: {patterns: ["x:*"]}}
  early: {every: 1d, warm: day}
warm:
  day: {keys: ["a:{today}"], hot: 7, at_start: true}
hooks:
  - {url: "http://127.0.0.1:8080/purge", method: PURGE, on: [tag], names: ["a*"], retries: 2}
)";
  const auto read = automation(yaml);
  const auto& e = read.events.at(0);
  CHECK(e.schema ==
        "{\"type\": \"object\", \"properties\": {\"n\": {\"type\": \"integer\", "
        "\"minimum\": 3}, \"s\": {\"const\": \"3\"}}}");
  CHECK(e.reply ==
        "{\"message\": \"done \\\"{id}\\\"\", \"n\": \"{count}\", \"list\": [1, true, \"true\", "
        "null]}");
  CHECK(e.when.at(1).values == std::vector<std::string>{"a", "1"});
  CHECK(e.invalidate.ranges.at(0).to == "2026-01-01");
  CHECK(e.invalidate.soft);
  CHECK(read.webhook.secret.value == "0123456789abcdef");
  CHECK(read.schedules.at(0).name == "eod");
  CHECK_FALSE(read.schedules.at(0).catch_up);
  CHECK(read.hooks.at(0).retries.value == 2);
  const auto printed = print_config(parse_config(yaml, "c")->settings);
  const auto again = parse_config(printed, "printed");
  REQUIRE_MESSAGE(again.has_value(), again.error());
  CHECK(print_config(again->settings) == printed);
  CHECK(again->settings.automation->events.at(0).schema == e.schema);
}

TEST_CASE("What is wrong with an event is told with its place") {
  check_rows({
      {event("invalidat: {keys: [a]}"),
       "2:7: unknown key 'invalidat' in event 'e' (did you mean 'invalidate'?)"},
      {event("when: {a: b}"), "2:3: event 'e' has no invalidate"},
      {event("invalidate: {}"),
       "2:19: invalidate: nothing is named; give keys, tags, all_of, patterns, ranges or rules"},
      {event("invalidate: {tag: [a]}"),
       "2:20: unknown key 'tag' in invalidate (did you mean 'tags'?)"},
      {event("invalidate: {keys: [\"a:{id\"]}"),
       "2:27: keys: 'a:{id': '{' without '}'; write \\{ for the brace itself"},
      {event("invalidate: {keys: [\"\"]}"), "2:27: keys: an empty text names nothing"},
      {event("invalidate: {all_of: [[]]}"), "2:29: all_of: a list of no tags would be all keys"},
      {event("invalidate: {ranges: [{rule: x, from: a, to: b}]}"),
       "2:36: rule 'x' is unknown; there are no rules"},
      {event("invalidate: {ranges: [{rule: x, from: a}]}"),
       "2:29: a range has rule, from and to; to is missing"},
  });
}

TEST_CASE("What is wrong with schemas, replies and idempotency keys is told") {
  CHECK(error_of(event("invalidate: {keys: [a]}, schema: {$ref: \"http://x.example/\"}"))
            .starts_with("c:2:40: schema: "));
  CHECK(error_of(event("invalidate: {keys: [a]}, schema: {properties: {a: {format: email}}}")) ==
        "c:2:40: schema: format 'email' is unknown; there are date and date-time");
  CHECK(error_of(event("invalidate: {keys: [a]}, reply: {a: \"{x\"}")) ==
        "c:2:39: reply: '{x': '{' without '}'; write \\{ for the brace itself");
  CHECK(error_of(event("invalidate: {keys: [a]}, idempotency: id"))
            .starts_with("c:2:45: idempotency: 'id' names no field, so all events would be one"));
}

TEST_CASE("A schema may stand in a file of its own") {
  auto name =
      (std::filesystem::temp_directory_path() / "pannier-schema-").string() + std::string(6, 'X');
  const int file = ::mkstemp(name.data());
  REQUIRE(file >= 0);
  const std::string with_file =
      "events:\n  e: {schema_file: " + name + ", invalidate: {keys: [a]}}\n";
  const std::string_view schema = "{\"required\": [\"id\"]}";
  REQUIRE(::write(file, schema.data(), schema.size()) == static_cast<ssize_t>(schema.size()));
  CHECK(automation(with_file).events.at(0).schema == schema);
  const auto printed = print_config(parse_config(with_file, "c")->settings);
  CHECK(print_config(parse_config(printed, "c")->settings) == printed);
  REQUIRE(::write(file, "}", 1) == 1);
  CHECK(error_of(with_file).starts_with("c:2:20: schema_file: it is not JSON: "));
  ::close(file);
  std::filesystem::remove(name);
  CHECK(error_of(with_file) ==
        "c:2:20: schema_file: " + policies::quoted(name) + " cannot be read");
}

TEST_CASE("What is wrong with sources, schedules and hooks is told with its place") {
  const std::string e = event("invalidate: {keys: [a]}");
  check_rows({
      {e + "sources: [{event: e}]", "3:11: a source has a redis_channel or a postgres_channel"},
      {e + "sources: [{redis_channel: c, event: f}]", "3:37: event: 'f' is unknown (known: e)"},
      {e + "sources: [{redis_channel: c, events: [e, ee]}]",
       "3:42: events: 'ee' is unknown (known: e)"},
      {"schedules: {s: {cron: \"0 0 * *\", invalidate: {keys: [a]}}}",
       "1:23: cron: '0 0 * *' has 4 fields; there are 5: minute, hour, day of month, month, day "
       "of week"},
      {"schedules: {s: {every: 5, invalidate: {keys: [a]}}}",
       "1:24: every: '5' has no unit; write 5ms, 5s, 5m, 5h or 5d"},
      {"schedules: {s: {invalidate: {keys: [a]}}}", "1:13: a schedule has either cron or every"},
      {"schedules: {s: {every: 5m}}", "1:13: schedule 's' has neither invalidate nor warm nor sql"},
      {"schedules: {s: {every: 5m, invalidate: {keys: [\"a:{id}\"]}}}",
       "1:48: keys: 'a:{id}': there is no payload here whose fields could be named"},
      {"schedules: {s: {every: 5m, warm: kpi}}", "1:34: warm: 'kpi' is unknown"},
      {"warm: {k: {keys: [a]}}\nschedules: {s: {every: 5m, warm: kk}}",
       "2:34: warm: 'kk' is unknown (known: k)"},
      {"warm: {k: {keys: []}}", "1:8: warm set 'k' has neither keys nor hot"},
      {"warm: {k: {hot: 1001}}",
       "1:8: warm set 'k': a set has at most 1,000 keys, and as many hot ones"},
      {"schedules: {s: {every: 5m, database: main, warm: kpi}}",
       "1:38: database: it has no sql to run there"},
      {"schedules: {s: {every: 5m, sql: SELECT 1}}",
       "1:16: database: name one of those under postgres, of which there are 0"},
      {"warm: {k: {keys: [\"a:{yesterday}\"]}}",
       "1:19: keys: 'a:{yesterday}': write {today} or {today-3}, and {{ for a brace"},
      {"hooks: [{url: \"ftp://a/\"}]",
       "1:15: url: only http:// is supported; put a proxy that speaks TLS in between"},
      {"hooks: [{url: \"http://a/\", on: [tags]}]",
       "1:33: on: 'tags' is unknown (did you mean 'tag'?)"},
      {"hooks: [{url: \"http://a/\", method: GET}]",
       "1:36: method: 'GET' is unknown (known: POST, PUT, PURGE, BAN)"},
      {"hooks: [{url: \"http://a/\", header: \"a b\"}]",
       "1:36: header: 'a b' is not the name of a header"},
  });
}

TEST_CASE("A secret comes from one place, is long enough, and is not shown") {
  ::setenv("PANNIER_TEST_SECRET", "0123456789abcdef", 1);
  CHECK(automation("webhook: {secret_env: PANNIER_TEST_SECRET}").webhook.secret.value ==
        "0123456789abcdef");
  check_rows({
      {"webhook: {secret: short}", "1:19: secret: it has less than 16 bytes, which can be guessed"},
      {"webhook: {secret_env: PANNIER_TEST_NONE}",
       "1:23: secret_env: 'PANNIER_TEST_NONE' is not in the environment"},
      {"webhook: {secret_file: /no/such}", "1:24: secret_file: '/no/such' cannot be read"},
      {"webhook: {secret: 0123456789abcdef, secret_env: PANNIER_TEST_SECRET}",
       "1:10: give one of secret, secret_file and secret_env"},
  });
  auto shown = parse_config("webhook: {secret: 0123456789abcdef}\n", "c")->settings;
  shown.automation = without_secrets(shown.automation);
  CHECK(print_config(shown).find("0123456789abcdef") == std::string::npos);
}
