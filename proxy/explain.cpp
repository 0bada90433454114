#include "proxy/explain.hpp"

#include <cstdio>
#include <cstdlib>

#include "policies/expiry.hpp"
#include "policies/key_versions.hpp"
#include "policies/rule_set.hpp"
#include "proxy/admin_json.hpp"
#include "proxy/ask.hpp"
#include "proxy/config.hpp"

namespace pannier::proxy {

namespace {

constexpr int exit_config = 78;

void line(const std::string& name, const std::string& value) {
  std::printf("%s: %s\n", name.c_str(), value.c_str());
}

std::string encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char byte : text) {
    const auto code = static_cast<unsigned char>(byte);
    const bool is_plain =
        (byte >= '0' && byte <= '9') || ((byte | 0x20) >= 'a' && (byte | 0x20) <= 'z');
    if (is_plain || byte == '-' || byte == '_' || byte == '.') {
      out += byte;
    } else {
      (out += '%') += digits[code >> 4];
      out += digits[code & 15];
    }
  }
  return out;
}

int explain_by_file(const ExplainOptions& options) {
  const auto loaded = load_config(options.config);
  if (!loaded) {
    std::fprintf(stderr, "%s\n", loaded.error().c_str());
    return exit_config;
  }
  policies::CounterBook book;
  const policies::RuleSet rules(loaded->settings, book);
  policies::Match match;
  rules.find(options.key, match);
  line("key", options.key);
  if (!match) {
    line("rule", "none");
    line("next_get", "passes through to Redis as it is");
    return 0;
  }
  const auto& rule = *match.rule->settings;
  const auto& tier = *match.rule->tier;
  line("rule", rule.name);
  line("tier", tier.name);
  if (match.rule->never()) {
    line("next_get", "passes through to Redis as it is");
    return 0;
  }
  const auto life = policies::life_of(tier, options.key);
  line("ttl", policies::setting_text(life.fresh));
  line("stale", policies::setting_text(life.total - life.fresh));
  for (const auto& tag : rules.tags(match)) line("tag", tag);
  if (const auto dates = policies::RuleSet::dates(match)) {
    line("dates", policies::date_text(dates->from) + " to " + policies::date_text(dates->to));
  }
  if (rule.version.mode == policies::VersionMode::none) return 0;
  line("version.name", policies::version_name(rule));
  line("version.mode", policies::setting_text(rule.version.mode));
  if (const auto asked = match.version()) line("version.asked", std::to_string(*asked));
  line("version.at_least", policies::setting_text(rule.version.current));
  return 0;
}

}  // namespace

int explain(const ExplainOptions& options) {
  if (!options.config.empty()) return explain_by_file(options);
  const char* token = std::getenv("PANNIER_TOKEN");
  const auto answer =
      ask(options.admin, "/explain/" + encoded(options.key), token == nullptr ? "" : token);
  const auto lines = answer ? json_lines(answer->body) : std::vector<std::string>{};
  if (lines.empty()) {
    std::fprintf(stderr, "pannier: no answer from %s: %s; with --config FILE a file is asked\n",
                 options.admin.c_str(), answer ? "no JSON" : answer.error().c_str());
    return 1;
  }
  for (const auto& one : lines) std::puts(one.c_str());
  return answer->ok ? 0 : 1;
}

}  // namespace pannier::proxy
