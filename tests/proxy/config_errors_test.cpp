#include "config_errors.hpp"

using namespace pannier::proxy;
using namespace std::string_literals;

namespace {

/// A tier of its own, beginning in column 1 of line 2.
std::string tier(const std::string& rest) { return "tiers: {t:\n{" + rest + "}}\n"; }

}  // namespace

TEST_CASE("An unknown key is refused with the nearest known one") {
  check_rows({
      {"tiers:\n  kpi:\n    tll: 5m\n",
       "3:5: unknown key 'tll' in tier 'kpi' (did you mean 'ttl'?)"},
      {"tier: {}", "1:1: unknown key 'tier' (did you mean 'tiers'?)"},
      {"Listen: x", "1:1: unknown key 'Listen' (did you mean 'listen'?)"},
      {"limts: {}", "1:1: unknown key 'limts' (did you mean 'limits'?)"},
      {"cache: {}",
       "1:1: unknown key 'cache' (known: listen, listen_unix, listen_tls, mode, "
       "invalidation_wait, drain, upstream, "
       "auth, tls, memory, local, limits, admin, log, tiers, journal, self_check, deny, "
       "postgres, origins, rules, webhook, events, sources, warm, schedules, hooks)"},
      {"upstream: {uri: redis://h}", "1:12: unknown key 'uri' in upstream (did you mean 'url'?)"},
      {"upstream: {optimeout: 1s}",
       "1:12: unknown key 'optimeout' in upstream (did you mean 'op_timeout'?)"},
      {"memory: {max: 1GiB}", "1:10: unknown key 'max' in memory (did you mean 'max_bytes'?)"},
      {"limits: {max-clients: 5}",
       "1:10: unknown key 'max-clients' in limits (did you mean 'max_clients'?)"},
      {"admin: {allow_hosts: []}",
       "1:9: unknown key 'allow_hosts' in admin (did you mean 'allowed_hosts'?)"},
      {"log: {file: x}", "1:7: unknown key 'file' in log (known: level)"},
      {tier("jiter: 5%"), "2:2: unknown key 'jiter' in tier 't' (did you mean 'jitter'?)"},
      {tier("warm: 50%"),
       "2:2: unknown key 'warm' in tier 't' (known: cache, ttl, ttl_mode, jitter, stale, refresh, "
       "throttle, foreign, on_down, stale_if_error, guard, negative, local, coalesce, "
       "second_tier)"},
      {tier("negative: 1s"), "2:12: negative has no effect without local; set local"},
      {tier("stale_if_error: 1m"), "2:18: stale_if_error has no effect without local; set local"},
      {tier("on_down: stale"), "2:11: on_down: stale serves local copies; set local"},
      {tier("local: 1m, on_down: stale, stale_if_error: 0ms"),
       "2:45: stale_if_error: 0 leaves on_down: stale nothing to serve"},
      {tier("local: 1m, on_down: memory, stale_if_error: 1m"),
       "2:46: stale_if_error: with on_down: memory values come from there; leave it out"},
      {"journal: {entries: 5}", "1:11: unknown key 'entries' in journal (known: max_entries)"},
      {"self_check: {sample: often}",
       "1:22: sample: 'often' is not a share; write percent, such as 1% or 0.1%"},
      {tier("local: {tll: 1s}"), "2:10: unknown key 'tll' in local (did you mean 'ttl'?)"},
      {"local: {max_bytes: 0B}", "1:20: max_bytes: 0 would let nothing through"},
      {tier("coalesce: {wiat: 1s}"), "2:13: unknown key 'wiat' in coalesce (did you mean 'wait'?)"},
      {rule("match: a, tier: t, tag: [x]"),
       "3:23: unknown key 'tag' in rule 'a' (did you mean 'tags'?)"},
      {rule("name: r, pattern: a, tier: t"),
       "3:13: unknown key 'pattern' in rule 'r' (known: match, tier, origin, prefetch, name, tags, "
       "dates, tags_from, incomplete, runtime_tags, index, version)"},
      {rule("match: a, tier: t, version: {curent: 1}"),
       "3:33: unknown key 'curent' in version (did you mean 'current'?)"},
  });
}

TEST_CASE("What some YAML readers understand and others do not is refused") {
  check_rows({
      {"drain: 1s\ndrain: 2s\n", "2:1: 'drain' is written twice; first in line 1"},
      {"tiers:\n  a: {ttl: 1s}\n  \"a\": {ttl: 2s}\n",
       "3:3: 'a' is written twice; first in line 2"},
      {"&x\n- *x\n", "1:1: anchors (&name) are not read"},
      {"drain: &x 5s\n", "1:8: anchors (&name) are not read"},
      {"drain: *x\n", "1:8: aliases (*name) are not read; quote a pattern that begins with *"},
      {rule("match: *:a, tier: t"),
       "3:11: aliases (*name) are not read; quote a pattern that begins with *"},
      {"<<: {drain: 5s}\n", "1:1: merges (<<) are not read"},
      {"drain: !!str 5s\n", "1:8: tags such as 'tag:yaml.org,2002:str' are not read"},
      {"!!map {drain: 5s}\n", "1:1: tags such as 'tag:yaml.org,2002:map' are not read"},
      {"drain: 5s\n---\nmode: normal\n",
       "2:1: the document ended before this line; it begins a second one, or is indented wrongly"},
      {"? [a]\n: b\n", "1:3: a key must be a word, not a list or map; a bracket may be left open"},
      {": b\n", "1:1: a key is missing"},
      {"drain: 010s", "1:8: drain: '010s' has a leading zero, which some readers take for octal"},
      {"upstream: {embedded: NO}", "1:22: embedded: 'NO' is neither true nor false"},
      {"limits: {max_clients: 1_000}",
       "1:23: max_clients: '1_000' is not a number; write digits only"},
      {"drain: 12:30:45",
       "1:8: drain: '12:30:45' is not a duration; write digits and a unit, such as 30s"},
      {"drain: 5", "1:8: drain: '5' has no unit; write 5ms, 5s, 5m, 5h or 5d"},
  });
}

TEST_CASE("A value of another kind than is due is refused") {
  check_rows({
      {"5", "1:1: a configuration must be a map of settings, not a single value"},
      {"- 5", "1:1: a configuration must be a map of settings, not a list"},
      {"drain: [5s]", "1:8: drain must be a single value, not a list"},
      {"drain: {s: 5}", "1:8: drain must be a single value, not a map of settings"},
      {"drain:\nmode: normal", "1:1: drain has no value; write one, or leave the line out"},
      {"mode: ~", "1:1: mode has no value; write one, or leave the line out"},
      {"mode: null", "1:1: mode has no value; write one, or leave the line out"},
      {"tiers:\n", "1:1: tiers has no value; write one, or leave the line out"},
      {"rules:\n", "1:1: rules has no value; write one, or leave the line out"},
      {"upstream: [x]", "1:11: upstream must be a map of settings, not a list"},
      {"memory: 64MiB", "1:9: memory must be a map of settings, not a single value"},
      {"admin: {allowed_hosts: h}", "1:24: allowed_hosts must be a list, not a single value"},
      {"admin: {allowed_hosts: [[h]]}",
       "1:25: each of allowed_hosts must be a single value, not a list"},
      {"admin: {allowed_hosts: [h,, g]}",
       "1:27: each of allowed_hosts has no value; write one, or leave the line out"},
      {"tiers: [a]", "1:8: tiers must be a map of settings, not a list"},
      {"tiers: {a: b}", "1:12: tier 'a' must be a map of settings, not a single value"},
      {"tiers: {a: }", "1:9: tier 'a' has no value; write one, or leave the line out"},
      {"rules: {a: b}", "1:8: rules must be a list, not a map of settings"},
      {"rules: [a]", "1:9: a rule must be a map of settings, not a single value"},
      {rule("match: {a: b}, tier: t"), "3:11: match must be a single value, not a map of settings"},
      {rule("match: a, tier: t, tags: x"), "3:29: tags must be a list, not a single value"},
      {rule("match: a, tier: t, version: [1]"),
       "3:32: version must be a map of settings, not a list"},
  });
}

TEST_CASE("Addresses that would open the sidecar to other machines are refused") {
  const std::string open =
      " can be reached from other machines, and the sidecar has no authentication of its own; "
      "listen on a loopback address or a unix socket, or set auth.password";
  check_rows({
      {"auth: {mode: pass_through, password: x}",
       "1:38: password: with mode pass_through upstream checks who clients are; remove it"},
      {"auth: {mode: own}", "1:14: mode: 'own' is not shared or pass_through"},
      {"listen: 0.0.0.0:6380", "1:9: listen: '0.0.0.0:6380'" + open},
      {"listen: '[::]:6380'", "1:9: listen: '[::]:6380'" + open},
      {"listen: 127.evil.example:6380", "1:9: listen: '127.evil.example:6380'" + open},
      {"listen: 6380", "1:9: listen: '6380': the port is missing; write host:port or unix:/path"},
      {"listen: off", "1:9: listen: off leaves no way in; listen_unix and listen_tls are off, too"},
      {"listen: 127.0.0.1:9180", "1:9: listen: '127.0.0.1:9180' is the address of admin, too"},
      {"listen: 127.0.0.1:6379",
       "1:9: listen: '127.0.0.1:6379' is the address of upstream, too; the sidecar would connect "
       "to itself"},
      {"admin: 0.0.0.0:9180",
       "1:8: admin: '0.0.0.0:9180' is not a loopback address such as 127.0.0.1:9180, nor off; "
       "where "
       "others reach it admin.tokens are needed"},
      {"admin: {listen: unix:/x}",
       "1:17: admin: 'unix:/x' is not a loopback address such as 127.0.0.1:9180, nor off"},
      {"admin: on", "1:8: admin: 'on': the port is missing; write host:port or unix:/path"},
      {"admin: {allowed_hosts: [\"http://h\"]}",
       "1:25: allowed_hosts: 'http://h' is not a host name; write it without http:// or port"},
      {"admin: {allowed_hosts: [\"h:9180\"]}",
       "1:25: allowed_hosts: 'h:9180' is not a host name; write it without http:// or port"},
  });
}

TEST_CASE("A bad upstream URL is refused, and never repeated") {
  check_rows({
      {"upstream: {url: \"redis://:secret@h/x\"}",
       "1:17: url: the path of the URL is the number of a database, such as /0"},
      {"upstream: http://h",
       "1:11: url: write redis:// or rediss:// [user:password@]host:port, or unix:/path"},
      {"upstream: {}\nlisten: 127.0.0.1:6379\n",
       "2:9: listen: '127.0.0.1:6379' is the address of upstream, too; the sidecar would connect "
       "to itself"},
  });
}

TEST_CASE("Limits that let nothing through, or contradict each other, are refused") {
  check_rows({
      {"limits: {max_request_bytes: 0B}", "1:29: max_request_bytes: 0 would let nothing through"},
      {"limits: {max_pipeline: 0}", "1:24: max_pipeline: 0 would let nothing through"},
      {"limits: {client_partial_timeout: 0}",
       "1:34: client_partial_timeout: 0 would let nothing through"},
      {"upstream: {op_timeout: 0s}", "1:24: op_timeout: 0 would let nothing through"},
      {"memory: {max_bytes: 0B}", "1:21: max_bytes: 0 would let nothing through"},
      {"limits: {max_held_replies: 64MiB}",
       "1:9: max_output_bytes: 32MiB is less than max_held_replies, 64MiB: clients would be "
       "closed instead of made to wait"},
      {"upstream: {reconnect_min: 5s}",
       "1:11: reconnect_max: 2s is shorter than reconnect_min, 5s"},
  });
}

TEST_CASE("Settings of a tier that cannot work are refused") {
  check_rows({
      {tier("ttl: 0"), "2:7: ttl: 0 is no life; for keys not to be cached write cache: never"},
      {tier("jitter: 100%"), "2:10: jitter: 100% is more than 90%"},
      {tier("jitter: 91%"), "2:10: jitter: 91% is more than 90%"},
      {tier("ttl: 3651d"), "2:7: ttl and stale together are more than 3650d"},
      {tier("ttl: 1d, stale: 3650d"), "2:18: ttl and stale together are more than 3650d"},
      {tier("stale: 36501d"), "2:9: stale: '36501d' is more than 36500d"},
      {tier("cache: never, ttl: 5m"),
       "2:16: ttl has no effect in a tier with cache: never; leave it out"},
      {tier("cache: never, coalesce: off"),
       "2:16: coalesce has no effect in a tier with cache: never; leave it out"},
      {tier("cache: no"), "2:9: cache: 'no' is not normal or never"},
      {tier("ttl_mode: capped"), "2:12: ttl_mode: 'capped' is not tier, cap or default"},
      {tier("coalesce: {scope: sidecar, wait: 0}"),
       "2:35: wait: 0 is no wait; write coalesce: off"},
      {tier("coalesce: fleets"),
       "2:12: coalesce: 'fleets' is not off, sidecar or fleet (did you mean 'fleet'?)"},
      {tier("refresh: 100%"),
       "2:11: refresh: '100%' is not off, xfetch or a share between 1% and 99%, such as 50%"},
      {tier("guard: flet"),
       "2:9: guard: 'flet' is not off, sidecar or fleet (did you mean 'fleet'?)"},
      {"tiers: {\"\": {}}", "1:9: a tier needs a name"},
      {"tiers: {\"a\\n\": {}}", "1:9: the name of a tier: 'a?' contains a control character"},
  });
}

TEST_CASE("Text that is no YAML is refused where it goes wrong") {
  check_rows({
      {"a: b: c",
       "1:5: not YAML: illegal map value (a line is indented wrongly, or ': ' stands in a text "
       "without quotes)"},
      {"upstream:\n\turl: x\n", "2:5: a tab indents this line; YAML wants spaces"},
      {"listen: 'x", "1:11: not YAML: illegal EOF in scalar (a quote is left open)"},
      {"limits: {max_pipeline: 5\n",
       "2:1: not YAML: end of map flow not found (a brace is left open, or a "
       "pattern with braces is not quoted)"},
      {"tiers:\n  a:\n    ttl: 1s\n   b: c\n",
       "4:4: not YAML: end of map not found (a line is indented wrongly, or a pattern with braces "
       "is not quoted)"},
      {"listen: @x",
       "1:9: not YAML: unknown token (a text that begins with @, ` or % needs "
       "quotes)"},
  });
}

TEST_CASE("Files that are no configuration at all are refused") {
  check_rows({
      {"listen: \0x"s, "1:9: byte 0x00 is not text; a configuration is UTF-8"},
      {"\x7f"
       "ELF\x02\x01\x01",
       "1:1: byte 0x7F is not text; a configuration is UTF-8"},
      {"a: b\nc: \xff\xfe", "2:4: byte 0xFF is not text; a configuration is UTF-8"},
      {"\xff\xfel\0"s, "1:1: byte 0xFF is not text; a configuration is UTF-8"},
      {"a: \xc0\xaf", "1:4: byte 0xC0 is not text; a configuration is UTF-8"},
      {"a: \xed\xa0\x80", "1:4: byte 0xED is not text; a configuration is UTF-8"},
      {std::string(10'000, '[') + std::string(10'000, ']'), "1:17: nested deeper than 16 levels"},
      {"a: " + std::string((1u << 20) - 4, 'x') + "\xc3",
       "1:1048576: byte 0xC3 is not text; a "
       "configuration is UTF-8"},
  });
  std::string blocks;
  for (int i = 0; i < 1'000; ++i) blocks += std::string(static_cast<std::size_t>(i), ' ') + "a:\n";
  CHECK(error_of(blocks) == "c:17:17: nested deeper than 16 levels");
  CHECK(error_of(std::string((1u << 20) + 1, '#')) == "c: larger than 1 MiB");
}

TEST_CASE("Of several errors the first in the file is told") {
  CHECK(error_of("drain: 5\nmode: x\n").starts_with("c:1:8: drain:"));
  CHECK(error_of("limits: {max_pipeline: 0}\nlisten: x\ndrain: 5\n").starts_with("c:1:24:"));
}
