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
