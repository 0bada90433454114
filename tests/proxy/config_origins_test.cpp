#include <doctest/doctest.h>

#include "config_errors.hpp"
#include "policies/origin.hpp"

using namespace pannier;
using namespace pannier::proxy;

namespace {

const std::string good =
    "postgres: {main: {url: 'host=db'}}\n"
    "origins:\n"
    "  o: {sql: 'SELECT $1, ''$7''', params: ['{id}'], result: scalar}\n"
    "tiers: {t: {ttl: 60s}}\n"
    "rules: [{match: 'k:{id}', tier: t, origin: o}]\n";

std::string with(std::string_view old, std::string_view other) {
  auto text = good;
  return text.replace(text.find(old), old.size(), other);
}

}  // namespace

TEST_CASE("A rule finds its origin, and printing and reading them again changes nothing") {
  const auto loaded = parse_config(good, "c");
  REQUIRE_MESSAGE(loaded.has_value(), loaded.error());
  const auto& settings = loaded->settings;
  REQUIRE(settings.origins);
  REQUIRE(settings.rules[0].origin == 0u);
  CHECK(settings.origins->all[0].result == policies::OriginResult::scalar);
  CHECK(settings.origins->databases[0].address == "host=db");
  const auto printed = print_config(settings);
  const auto again = parse_config(printed, "printed");
  REQUIRE_MESSAGE(again.has_value(), again.error());
  CHECK(print_config(again->settings) == printed);
  CHECK(again->settings.origins->all[0].params[0].value == "{id}");
  CHECK(again->settings.rules[0].origin == 0u);
}

TEST_CASE("Passwords are not shown") {
  const auto shown = [](const std::string& url) {
    auto origins = std::make_shared<policies::Origins>();
    origins->databases.emplace_back();
    origins->databases[0].url = url;
    return without_secrets(std::shared_ptr<const policies::Origins>(origins))->databases[0].url;
  };
  CHECK(shown("postgresql://me:secret@db:5432/shop") == "postgresql://me:***@db:5432/shop");
  CHECK(shown("postgresql://me@db:5432/shop") == "postgresql://me@db:5432/shop");
  CHECK(shown("host=db password=secret") == "***");
  CHECK(shown("postgresql://db/shop?password=secret") == "***");
  CHECK(shown("host=db user=me") == "host=db user=me");
}

TEST_CASE("What is wrong with databases and origins is told with its place") {
  check_rows({
      {with("url: 'host=db'", "pool_size: 3"),
       "1:18: database 'main' needs a url or a url_file, and not both"},
      {with("url: 'host=db'", "url_file: /nowhere"),
       "1:29: url_file: '/nowhere' cannot be read, or is empty"},
      {with("sql: 'SELECT $1, ''$7'''", "database: main"), "3:6: origin 'o' has no sql"},
      {with("['{id}']", "[]"), "3:41: origin 'o': the sql uses $1 to $1, and params has 0"},
      {with("['{id}']", "['{name}']"),
       "5:44: origin: '{name}' needs {name}, which 'k:{id}' does not capture (known: id)"},
      {with("['{id}']", "[{value: '{id}', type: int}]"),
       "3:64: type: 'int' is not text, integer, number, boolean, date, timestamp, uuid or json "
       "(did you mean 'integer'?)"},
      {with("origin: o", "origin: p"), "5:44: origin: 'p' is unknown (known: o)"},
      {with("result: scalar", "database: other"),
       "3:61: database: 'other' is not among postgres (known: main)"},
  });
}

namespace {

const std::string table =
    "postgres: {main: {url: 'host=db'}}\n"
    "tiers:\n"
    "  t:\n"
    "    ttl: 60s\n"
    "    second_tier:\n"
    "      sql_get: SELECT v FROM c WHERE k = $1 AND b > $2\n"
    "      sql_put: INSERT INTO c VALUES ($1, $2, $3)\n"
    "      sql_delete: DELETE FROM c WHERE k = $1\n"
    "      sql_delete_like: DELETE FROM c WHERE k LIKE $1\n"
    "rules: [{match: 'k:{id}', tier: t}]\n";

std::string table_with(std::string_view old, std::string_view other) {
  auto text = table;
  return text.replace(text.find(old), old.size(), other);
}

}  // namespace

TEST_CASE("A second tier is read like an origin, and printed with its tier alone") {
  const auto loaded = parse_config(table, "c");
  REQUIRE_MESSAGE(loaded.has_value(), loaded.error());
  CHECK(loaded->warnings.empty());
  const auto& tier = loaded->settings.tiers[0];
  REQUIRE(tier.second_tier);
  CHECK(tier.on_down == policies::OnDown::memory);
  CHECK(tier.guard == policies::Guard::fleet);
  CHECK(loaded->settings.origins->all[tier.second_tier->read].sql == tier.second_tier->sql_get);
  const auto printed = print_config(loaded->settings);
  CHECK(printed.find("origins:") == printed.npos);
  const auto again = parse_config(printed, "printed");
  REQUIRE_MESSAGE(again.has_value(), again.error());
  CHECK(print_config(again->settings) == printed);
}

TEST_CASE("What is wrong with a second tier is told with its place") {
  check_rows({
      {table_with(" AND b > $2", ""),
       "6:16: sql_get: it is to use $1, the key, and $2, a timestamptz: WHERE key = $1 AND began > "
       "$2. Rows of before an invalidation are told apart by that; the highest here is $1"},
      {table_with(", $2, $3", ""),
       "7:16: sql_put: it is to use $1, the key, $2, the value, and $3, when it began (a "
       "timestamptz, for sql_get to compare); $4, its tags (text[]), if it likes; the highest here "
       "is $1"},
      {table_with("sql_delete: DELETE FROM c WHERE k = $1", "concurrency: 2"),
       "6:7: second_tier of 't' has no sql_delete"},
      {table_with("ttl: 60s", "on_down: stale\n    local: 1s"),
       "4:14: on_down: a tier with a second_tier serves from it, as memory does; leave it out"},
      {table_with("ttl: 60s", "ttl_mode: cap"),
       "4:15: ttl_mode: rows of a second_tier live as the tier says; leave it out"},
      {table_with("ttl: 60s", "guard: sidecar"),
       "4:12: guard: rows are put back into Redis, and only guard: fleet keeps old ones from that; "
       "leave it out"},
      {table_with("tier: t", "tier: t, version: 1"),
       "10:45: version does not go with a second_tier, which tier 't' has; leave one of them out"},
      {table_with("tier: t", "tier: t, runtime_tags: true"),
       "10:50: runtime_tags does not go with a second_tier, which tier 't' has; leave one of them "
       "out"},
      {table_with("postgres: {main: {url: 'host=db'}}", "listen: 127.0.0.1:0"),
       "6:7: database: name one of those under postgres, of which there are 0"},
  });
}
