#include "config_errors.hpp"

using namespace pannier;
using namespace pannier::proxy;

namespace {

std::string source(const std::string& from) {
  return rule("match: \"a:{id}\", tier: t, tags_from: " + from);
}

std::string dated(const std::string& ttl, const std::string& match = "\"a:{day}\"") {
  return "tiers: {t: {ttl: " + ttl + "}}\nrules:\n- {match: " + match + ", tier: t}\n";
}

}  // namespace

TEST_CASE("Tags from a value need a path and a place for what it finds") {
  CHECK(error_of(source("[{json: $.b, as: \"b:{}\"}]")) == "nothing");
  CHECK(error_of(source("[{json: \"$.c[*]['d']\", as: \"{id}:{}\"}]")) == "nothing");
  check_rows({
      {source("$.b"), "3:41: tags_from must be a list, not a single value"},
      {source("[{json: $.b}]"),
       "3:42: tags_from: as is missing; write {json: \"$.id\", as: \"product:{}\"}"},
      {source("[{as: \"b:{}\"}]"),
       "3:42: tags_from: json is missing; write {json: \"$.id\", as: \"product:{}\"}"},
      {source("[{json: b, as: \"b:{}\"}]"), "3:49: json: 'b': it does not begin with $"},
      {source("[{json: $.b, as: b}]"),
       "3:58: as: 'b' has no {} for what is found, as in product:{}"},
      {source("[{json: $.b, as: \"{}:{di}\"}]"),
       "3:58: as: '{}:{di}' needs {di}, which 'a:{id}' does not capture (did you mean 'id'?)"},
      {source("[{json: $.b, az: \"b:{}\"}]"),
       "3:54: unknown key 'az' in tags_from (did you mean 'as'?)"},
      {rule("match: a, tier: n, tags_from: [{json: $.b, as: \"b:{}\"}]"),
       "3:34: tags_from: tier 'n' is cache: never, so there is nothing to invalidate"},
      {rule("match: a, tier: t, runtime_tags: true, "
            "version: {mode: transparent, fallback: stale}"),
       "3:52: version: fallback: stale does not go with tags_from, runtime_tags or incomplete, "
       "because the tags and lives of values of the version before are not known"},
      {rule("match: a, tier: t, incomplete: {ttl: 5m}"),
       "3:35: incomplete: json and ttl are needed; write {json: \"$.isComplete\", ttl: 5m}"},
      {rule("match: a, tier: n, runtime_tags: true"),
       "3:37: runtime_tags: tier 'n' is cache: never, so there is nothing to invalidate"},
  });
}

TEST_CASE("A TTL that depends on a day is complete, and only grows as days pass") {
  const std::string today = "{when: \"date({day}) is today\", then: 5m, else: 30d}";
  CHECK(error_of(dated(today)) == "nothing");
  CHECK(error_of(dated("{when: \"date({day}) is before today\", then: 30d, else: 5m}")) ==
        "nothing");
  CHECK(error_of(dated("{when: \"date({day}) is after today\", then: 5m, else: 5m}")) == "nothing");
  const std::string forms =
      "is no condition; write date({capture}) is today, is before today or is after today";
  check_rows({
      {dated("{when: \"date({day}) is today\", then: 30d, else: 5m}"),
       "1:55: then: it must not be longer than else, because the life of a key may only grow as "
       "days pass"},
      {dated("{when: \"date({day}) is before today\", then: 5m, else: 30d}"),
       "1:62: then: it must not be shorter than else, because the life of a key may only grow as "
       "days pass"},
      {dated("{when: \"{day} is today\", then: 5m, else: 30d}"),
       "1:25: when: '{day} is today' " + forms},
      {dated("{when: \"date({day}) is tomorrow\", then: 5m, else: 30d}"),
       "1:25: when: 'date({day}) is tomorrow' " + forms},
      {dated("{when: \"date({day}) is today\", then: 5m}"),
       "1:18: ttl: else is missing; a ttl that depends on a day has when, then, else"},
      {dated("{when: \"date({day}) is today\", then: 0, else: 30d}"), "1:55: then: 0 is no life"},
      {dated(today, "[\"a:{day}\", \"b:{dya}\"]"),
       "3:41: the ttl of tier 't' needs {day}, which 'b:{dya}' does not capture (did you mean "
       "'dya'?)"},
  });
}

TEST_CASE("Both are printed as they were read") {
  const auto once = parse_config(
      "tiers: {t: {ttl: {when: \"date({day}) is today\", then: 5m, else: 30d}}}\n"
      "rules:\n- {match: \"a:{day}\", tier: t, runtime_tags: true,\n"
      "   tags_from: [{json: \"$['a\\\\'b'].c[0]\", as: \"{day}:{}\"}, {json: $.d, as: \"d:{}\"}]}",
      "c");
  REQUIRE_MESSAGE(once.has_value(), once.error());
  CHECK(once->settings.tiers[0].ttl == std::chrono::hours(24 * 30));
  const auto printed = print_config(once->settings);
  const auto again = parse_config(printed, "printed");
  REQUIRE_MESSAGE(again.has_value(), again.error());
  CHECK(print_config(again->settings) == printed);
  CHECK(again->settings.tiers[0].dated.then == std::chrono::minutes(5));
  REQUIRE(again->settings.rules[0].tags_from.size() == 2);
  CHECK(again->settings.rules[0].tags_from[0].json.text() == "$['a\\'b'].c[0]");
  CHECK(again->settings.rules[0].runtime_tags);
}
