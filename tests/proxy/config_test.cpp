#include "proxy/config.hpp"

#include <doctest/doctest.h>

using namespace pannier;
using namespace pannier::proxy;
using namespace std::chrono_literals;
using policies::Settings;

namespace {

/// The settings of a text that must be right; fails the test with its error otherwise.
Loaded loaded(std::string_view yaml) {
  auto result = parse_config(yaml, "c");
  REQUIRE_MESSAGE(result.has_value(), result.error());
  return *result;
}

const std::string defaults = print_config({});

constexpr std::string_view everything = R"(
listen: unix:/run/pannier.sock
mode: bypass
drain: 0
upstream:
  url: redis://app:secret@redis:6379
  op_timeout: 2s
  embedded: false
memory: {max_bytes: 1GiB}
limits: {max_clients: 100, client_partial_timeout: 5s}
admin: {listen: "[::1]:9999", allowed_hosts: [pannier, pannier.internal]}
log: {level: debug}
tiers:
  kpi:
    ttl: 30s
    ttl_mode: tier
    jitter: 10%
    stale: 1m
    foreign: trust
    on_down: memory
    coalesce: {scope: sidecar, wait: 500ms}
  live: {cache: never}
rules:
  - {match: "kpi:*:live", tier: live}
  - match: ["kpi:{name}:v{n}", 'old:{name}:{x}:v{n}', "\u00fc and \"quotes\" \\*:{name}:v{n}"]
    tier: kpi
    name: kpi reports
    tags: [kpi, "kpi:{name}"]
    index: false
    version: {mode: explicit, current: 3, grace: 1m, name: report}
  - {match: "user:{id}", tier: kpi, version: 2}
)";

}  // namespace

TEST_CASE("A file without content gives the defaults") {
  for (const std::string_view text : {"", "\n", "# only a comment\n", "---\n", "--- {}\n",
                                      "\xef\xbb\xbf", "\xef\xbb\xbf# BOM\r\n", "...\n"}) {
    CAPTURE(text);
    CHECK(print_config(loaded(text).settings) == defaults);
  }
}

TEST_CASE("Every section is read") {
  const Settings settings = loaded(everything).settings;
  CHECK(settings.listen == "unix:/run/pannier.sock");
  CHECK(settings.mode == policies::Mode::bypass);
  CHECK(settings.drain == 0ms);
  CHECK(settings.upstream.url == "redis://app:secret@redis:6379");
  CHECK(settings.upstream.op_timeout == 2s);
  CHECK_FALSE(settings.upstream.embedded);
  CHECK(settings.memory.max_bytes.value == 1u << 30);
  CHECK(settings.limits.max_clients.value == 100);
  CHECK(settings.limits.client_partial_timeout == 5s);
  CHECK(settings.admin.listen == "[::1]:9999");
  CHECK(settings.admin.allowed_hosts == std::vector<std::string>{"pannier", "pannier.internal"});
  CHECK(settings.log.level == policies::LogLevel::debug);
}

TEST_CASE("Tiers are read") {
  const Settings settings = loaded(everything).settings;
  REQUIRE(settings.tiers.size() == 2);
  const auto& kpi = settings.tiers[0];
  CHECK(kpi.name == "kpi");
  CHECK(kpi.ttl == 30s);
  CHECK(kpi.jitter.value == doctest::Approx(0.1));
  CHECK(kpi.stale == 1min);
  CHECK(kpi.foreign == policies::Foreign::trust);
  CHECK(kpi.on_down == policies::OnDown::memory);
  CHECK(kpi.coalesce.scope == policies::CoalesceScope::sidecar);
  CHECK(kpi.coalesce.wait == 500ms);
  CHECK(settings.tiers[1].cache == policies::CacheMode::never);
}

TEST_CASE("Rules are read in their order, and find their tiers") {
  const Settings settings = loaded(everything).settings;
  REQUIRE(settings.rules.size() == 3);
  CHECK(settings.rules[0].tier == 1);
  const auto& reports = settings.rules[1];
  CHECK(reports.name == "kpi reports");
  CHECK(reports.tier == 0);
  REQUIRE(reports.match.size() == 3);
  CHECK(reports.match[1].text() == "old:{name}:{x}:v{n}");
  CHECK(reports.match[2].prefix() == "\u00fc and \"quotes\" *:");
  CHECK(reports.tags == std::vector<std::string>{"kpi", "kpi:{name}"});
  CHECK_FALSE(reports.index);
  CHECK(reports.version.mode == policies::VersionMode::explicit_in_key);
  CHECK(reports.version.current.value == 3);
  CHECK(reports.version.grace == 1min);
  CHECK(reports.version.name == "report");
  CHECK(settings.rules[2].index);
}

TEST_CASE("Rules may come before the tiers they name") {
  CHECK(loaded("rules: [{match: a, tier: t}]\ntiers: {s: {ttl: 1s}, t: {ttl: 2s}}")
            .settings.rules[0]
            .tier == 1);
}

TEST_CASE("A rule is called by the beginning of its pattern, or by the pattern") {
  const auto name_of = [](std::string_view match) {
    return loaded("tiers: {t: {ttl: 1s}}\nrules: [{tier: t, match: " + std::string(match) + "}]")
        .settings.rules[0]
        .name;
  };
  CHECK(name_of("\"kpi:*\"") == "kpi");
  CHECK(name_of("\"kpi:daily:{day}:x\"") == "kpi:daily");
  CHECK(name_of("kpi") == "kpi");
  CHECK(name_of("\"{tenant}:kpi\"") == "{tenant}:kpi");
  CHECK(name_of("[\"a::*\", \"b:*\"]") == "a");
  CHECK(name_of("\":*\"") == ":*");
}

TEST_CASE("Sections with one setting that matters have a short form") {
  const Settings settings = loaded(R"(
upstream: unix:/run/redis.sock
admin: off
tiers:
  a: {coalesce: sidecar}
  b: {coalesce: off}
rules:
  - {match: "a:*", tier: a, version: 2}
  - {match: "b:*", tier: b, version: transparent}
  - {match: "c:v{n}", tier: b, version: explicit}
  - {match: "d:*", tier: b, version: none}
)")
                                .settings;
  CHECK(settings.upstream.url == "unix:/run/redis.sock");
  CHECK(settings.admin.listen == "off");
  CHECK(settings.tiers[0].coalesce.scope == policies::CoalesceScope::sidecar);
  CHECK(settings.tiers[1].coalesce.scope == policies::CoalesceScope::off);
  CHECK(settings.rules[0].version.mode == policies::VersionMode::transparent);
  CHECK(settings.rules[0].version.current.value == 2);
  CHECK(settings.rules[1].version.current.value == 1);
  CHECK(settings.rules[2].version.mode == policies::VersionMode::explicit_in_key);
  CHECK(settings.rules[3].version.mode == policies::VersionMode::none);
}

TEST_CASE("A version's weights are read in any order and printed in that of the versions") {
  const std::string text =
      "tiers: {t: {ttl: 1s}}\n"
      "rules: [{match: a, tier: t, version: {mode: transparent, fallback: stale, grace: 9s, "
      "versions: {10: 5, 2: 90}}}]";
  const auto settings = loaded(text).settings;
  const auto& version = settings.rules[0].version;
  CHECK(version.fallback == policies::Fallback::stale);
  CHECK(version.versions == policies::VersionWeights{{2, 90}, {10, 5}});
  const auto printed = print_config(settings);
  CHECK(printed.find("versions: {2: 90, 10: 5}") != std::string::npos);
  CHECK(print_config(loaded(printed).settings) == printed);
}

TEST_CASE("Lines may end in CR LF") {
  CHECK(loaded("drain: 5s\r\nupstream:\r\n  op_timeout: 2s\r\n").settings.upstream.op_timeout ==
        2s);
}

TEST_CASE("What is printed loads back to the same settings") {
  for (const std::string_view text : {std::string_view(""), everything}) {
    const std::string printed = print_config(loaded(text).settings);
    CHECK(print_config(loaded(printed).settings) == printed);
  }
}

TEST_CASE("What is printed names every setting with its value") {
  const std::string printed = print_config(loaded(everything).settings);
  for (const std::string_view line :
       {"listen: \"unix:/run/pannier.sock\"\n", "mode: bypass\n", "  op_timeout: 2s\n",
        "    jitter: 10%\n", "      wait: 500ms\n", "  \"live\":\n    cache: never\nrules:\n",
        "\"\u00fc and \\\"quotes\\\" \\\\*:{name}:v{n}\"]\n", "      grace: 1m\n"}) {
    CAPTURE(line);
    CHECK(printed.find(line) != printed.npos);
  }
}

TEST_CASE("Only sockets and the names of the admin port need a restart") {
  const Settings running = loaded("").settings;
  CHECK(needs_restart(running, running).empty());
  Settings next = loaded(everything).settings;
  CHECK(needs_restart(running, next) ==
        std::vector<std::string>{"listen", "upstream.url", "admin.listen", "admin.allowed_hosts"});
  next.listen = running.listen;
  next.upstream.url = running.upstream.url;
  next.admin = running.admin;
  CHECK(needs_restart(running, next).empty());
  next.admin.allowed_hosts.push_back("another");
  CHECK(needs_restart(running, next) == std::vector<std::string>{"admin.allowed_hosts"});
}

TEST_CASE("What is no error but probably a mistake is a warning") {
  const auto warning_of = [](const std::string& yaml) {
    const auto warnings = loaded(yaml).warnings;
    return warnings.size() == 1 ? warnings[0] : std::to_string(warnings.size()) + " warnings";
  };
  CHECK(warning_of(std::string(everything)) == "0 warnings");
  CHECK(warning_of("tiers:\n  a: {ttl: 1s}\n") == "c:2:3: no rule uses tier 'a'");
  CHECK(warning_of("postgres:\n  p: {url: \"postgresql://h/d\"}\norigins:\n"
                   "  o: {sql: \"SELECT 1\", result: scalar}\n") ==
        "c:4:3: no rule uses origin 'o'");
  CHECK(warning_of("tiers:\n  t: {ttl: 1s}\nrules:\n  - {match: \"a:{id}\", tier: t}\n"
                   "warm:\n  w: {keys: [\"a:{today}\", \"b:{today}\"]}\n") ==
        "c:6:27: keys: no rule has 'b:{today}', so it is never warmed");
  const std::string tagged = "rules: [{match: a, tier: t, tags: [x]}]\ntiers: {t: {ttl_mode: ";
  const std::string looks_older =
      ": a client TTL shorter than the tier's makes a value look older than it is, so after an "
      "invalidation it is not cached for the difference";
  CHECK(warning_of(tagged + "cap}}") == "c:1:35: tags with ttl_mode cap" + looks_older);
  CHECK(warning_of(tagged + "default}}") ==
        "c:1:35: tags with ttl_mode default" + looks_older + "; a longer one is cut to the tier's");
}
