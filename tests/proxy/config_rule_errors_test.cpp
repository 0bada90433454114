#include "config_errors.hpp"

using namespace pannier::proxy;

TEST_CASE("A rule needs a pattern that can match, and a tier that exists") {
  check_rows({
      {rule("tier: t"), "3:3: this rule has no match"},
      {rule("match: a"), "3:3: rule 'a' names no tier"},
      {rule("match: [], tier: t"), "3:11: match: an empty list matches no key"},
      {rule("match: \"\", tier: t"), "3:11: match: '': an empty pattern matches no key"},
      {rule("match: \"a{\", tier: t"),
       "3:11: match: 'a{': '{' without '}'; write \\{ for the brace itself"},
      {rule("match: [a, \"b[\"], tier: t"), "3:15: match: 'b[': '[' without ']'"},
      {rule("match: \"pn:g:*\", tier: t"),
       "3:11: match: keys that begin with pn: are the sidecar's own"},
      {rule("match: a, tier: tt"), "3:20: unknown tier 'tt' (known: t, n)"},
      {rule("match: a, tier: hot"), "3:20: unknown tier 'hot' (known: t, n)"},
      {"rules: [{match: a, tier: hot}]", "1:26: tier: 'hot' is unknown; there are no tiers"},
      {rule("match: a, tier: t, name: \"\""),
       "3:29: name: it is empty; leave it out, or write one"},
      {rule("match: a, tier: t, index: no"), "3:30: index: 'no' is neither true nor false"},
  });
}

TEST_CASE("Two rules of one name are refused") {
  check_rows({
      {rule("match: a, tier: t, name: x}\n- {match: b, tier: t, name: x"),
       "4:29: name: 'x' is taken; the rule in line 3 has it, too"},
      {rule("match: \"a:{x}:1\", tier: t}\n- {match: \"a:{x}:2\", tier: t"),
       "4:3: this rule would be called 'a', but the rule in line 3 has it, too; give one of them "
       "a name"},
  });
}

TEST_CASE("A pattern that no key reaches is refused") {
  const std::string why = " takes all of them; the first rule that matches wins";
  check_rows({
      {rule("match: \"a:*\", tier: t}\n- {match: \"a:b:*\", tier: n"),
       "4:11: match: no key reaches 'a:b:*', because 'a:*' in line 3" + why},
      {rule("match: \"a:*\", tier: t}\n- {match: \"a:{x}:v{n}\", tier: n"),
       "4:11: match: no key reaches 'a:{x}:v{n}', because 'a:*' in line 3" + why},
      {rule("match: \"a:{x}\", tier: t}\n- {match: \"a:{y}\", tier: n, name: b"),
       "4:11: match: no key reaches 'a:{y}', because 'a:{x}' in line 3" + why},
      {rule("match: \"*\", tier: t}\n- {match: b, tier: n"),
       "4:11: match: no key reaches 'b', because '*' in line 3" + why},
      {rule("match: [\"a:*\", \"a:b\"], tier: t"),
       "3:19: match: no key reaches 'a:b', because 'a:*' in line 3" + why},
      {rule("match: \"a\\\\*:*\", tier: t}\n- {match: \"a\\\\*:b\", tier: n"),
       "4:11: match: no key reaches 'a\\*:b', because 'a\\*:*' in line 3" + why},
  });
}

TEST_CASE("Patterns that overlap without covering each other are fine") {
  for (const std::string rest : {
           "match: \"a:b:*\", tier: t}\n- {match: \"a:*\", tier: n",
           "match: \"a:{x}\", tier: t}\n- {match: \"a:*\", tier: n, name: b",
           "match: \"a?*\", tier: t}\n- {match: \"ab*\", tier: n",
           "match: \"a\\\\*\", tier: t}\n- {match: \"ab\", tier: n",
           "match: \"a:{x}\", tier: t}\n- {match: \"a:\\\\{x}\", tier: n",
       }) {
    CAPTURE(rest);
    CHECK(error_of(rule(rest)) == "nothing");
  }
}

TEST_CASE("Tags that cannot be made from the key are refused") {
  check_rows({
      {rule("match: \"a:{id}\", tier: t, tags: [\"x:{di}\"]"),
       "3:37: tags: 'x:{di}' needs {di}, which 'a:{id}' does not capture (did you mean 'id'?)"},
      {rule("match: [\"a:{id}\", b], tier: t, tags: [\"x:{id}\"]"),
       "3:42: tags: 'x:{id}' needs {id}, which 'b' does not capture"},
      {rule("match: a, tier: t, tags: [\"x:{}\"]"),
       "3:30: tags: 'x:{}' needs {}, which 'a' does not capture"},
      {rule("match: \"a:{id}\", tier: t, tags: [\"x:{id\"]"),
       "3:37: tags: the braces of 'x:{id' do not match up"},
      {rule("match: \"a:{id}\", tier: t, tags: [\"x:{{id}}\"]"),
       "3:37: tags: the braces of 'x:{{id}}' do not match up"},
      {rule("match: \"a:{id}\", tier: t, tags: [\"x:id}\"]"),
       "3:37: tags: the braces of 'x:id}' do not match up"},
      {rule("match: a, tier: t, tags: [x, \"\"]"), "3:33: tags: a tag is empty"},
      {rule("match: a, tier: t, tags: [x, x]"), "3:33: tags: 'x' is written twice"},
      {rule("match: a, tier: n, tags: [x]"),
       "3:29: tags: tier 'n' is cache: never, so there is nothing to invalidate"},
  });
}

TEST_CASE("Versions that cannot work are refused") {
  const std::string must_end =
      " must end in v{n}, as in report:{id}:v{n}, because its version is explicit";
  check_rows({
      {rule("match: a, tier: n, version: 2"),
       "3:32: version: tier 'n' is cache: never, so its keys are passed through as they are"},
      {rule("match: \"a:{id}\", tier: t, version: explicit"), "3:11: match: 'a:{id}'" + must_end},
      {rule("match: [\"a:v{n}\", \"b:v{n}:x\"], tier: t, version: explicit"),
       "3:11: match: 'b:v{n}:x'" + must_end},
      {rule("match: \"a:v\\\\{n}\", tier: t, version: explicit"),
       "3:11: match: 'a:v\\{n}'" + must_end},
      {rule("match: a, tier: t, version: 0"), "3:32: version: they begin with 1 and end at 10^15"},
      {rule("match: a, tier: t, version: 9999999999999999"),
       "3:32: version: they begin with 1 and end at 10^15"},
      {rule("match: a, tier: t, version: v2"),
       "3:32: version: 'v2' is not none, transparent or explicit"},
      {rule("match: a, tier: t, version: {current: 2}"),
       "3:32: version: mode must be transparent or explicit"},
      {rule("match: a, tier: t, version: {mode: transparent, grace: 5m}"),
       "3:59: grace: only keys with explicit versions have one, and fallback: stale"},
      {rule("match: a, tier: t, version: {mode: transparent, fallback: old}"),
       "3:62: fallback: 'old' is not off or stale"},
      {rule("match: \"a:v{n}\", tier: t, version: {mode: explicit, fallback: stale}"),
       "3:66: fallback: keys with explicit versions say which one they mean"},
      {rule("match: \"a:v{n}\", tier: t, version: {mode: explicit, versions: {1: 1}}"),
       "3:66: versions: keys with explicit versions say which one they mean"},
      {rule("match: a, tier: t, version: {mode: transparent, versions: {1: 0}}"),
       "3:62: versions: at least one needs a weight above 0"},
      {rule("match: a, tier: t, version: {mode: transparent, versions: {1: 9, x: 1}}"),
       "3:69: versions: 'x' is not a version: they begin with 1 and end at 10^15"},
      {rule("match: a, tier: t, version: {mode: transparent, versions: {1: 10%}}"),
       "3:63: versions: '10%' is not a weight: write a number from 0 to 1000000"},
      {rule("match: a, tier: t, version: {mode: transparent, versions: [1]}"),
       "3:62: versions must be a map of settings, not a list"},
      {rule("match: a, tier: t, version: {mode: transparent, current: 2, versions: {1: 1, 2: 1}}"),
       "3:74: versions: 1 is older than current, and a version never goes back"},
      {rule("match: a, tier: t, version: {mode: transparent, versions: {1: 1, 2: 1}, name: x}}\n"
            "- {match: b, tier: t, version: {mode: transparent, name: x}"),
       "4:32: version: rule 'a' shares version 'x' but gives it other versions"},
      {rule("match: a, tier: t, version: {mode: transparent, name: \"\"}"),
       "3:58: name: it is empty; leave it out, or write one"},
      {rule("match: a, tier: t, version: {mode: transparent, current: 1, name: x}}\n"
            "- {match: b, tier: t, version: {mode: transparent, current: 2, name: x}"),
       "4:32: version: rule 'a' shares version 'x' but gives it another current or grace"},
  });
}
