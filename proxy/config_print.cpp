#include "policies/origin.hpp"
#include "proxy/config.hpp"
#include "proxy/config_parts.hpp"

namespace pannier::proxy {

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

namespace {

using policies::RuleSettings;
using policies::setting_text;
using policies::Settings;
using policies::TierSettings;

std::string list_in_quotes(const std::vector<std::string>& texts) {
  std::string list;
  for (const std::string& text : texts) list += (list.empty() ? "[" : ", ") + in_quotes(text);
  return list.empty() ? "[]" : list + "]";
}

/// The lines of a YAML text; `indent` is two spaces a level.
class Lines {
 public:
  void begin(std::string_view name) {
    out_ += indent_ + std::string(name) + ":\n";
    indent_ += "  ";
  }
  void end() { indent_.resize(indent_.size() - 2); }
  void setting(std::string_view name, std::string_view value) {
    out_.append(indent_).append(name).append(": ").append(value).append("\n");
  }
  /// Makes what follows an item of a list; its first setting stands behind the dash.
  void item(std::string_view name, std::string_view value) {
    out_.append(indent_).append("- ").append(name).append(": ").append(value).append("\n");
    indent_ += "  ";
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_, indent_;
};

#define PANNIER_PRINT(type, name, value, text) lines.setting(#name, written(section.name));

void print(const policies::CoalesceSettings& section, Lines& lines) {
#define PANNIER_COALESCE PANNIER_PRINT
#include "policies/settings.def"
}

void print(const policies::TierLocalSettings& section, Lines& lines) {
#define PANNIER_TIER_LOCAL PANNIER_PRINT
#include "policies/settings.def"
}

void print(const policies::UpstreamTlsSettings& section, Lines& lines) {
#define PANNIER_UPSTREAM_TLS PANNIER_PRINT
#include "policies/settings.def"
}

void print(const policies::TlsSettings& section, Lines& lines) {
#define PANNIER_TLS PANNIER_PRINT
#include "policies/settings.def"
}

void print(const policies::AuthSettings& section, Lines& lines) {
#define PANNIER_AUTH PANNIER_PRINT
#include "policies/settings.def"
}

void print(const policies::MemorySettings& section, Lines& lines) {
#define PANNIER_MEMORY PANNIER_PRINT
#include "policies/settings.def"
}

void print(const policies::LocalSettings& section, Lines& lines) {
#define PANNIER_LOCAL PANNIER_PRINT
#include "policies/settings.def"
}

void print(const policies::JournalSettings& section, Lines& lines) {
#define PANNIER_JOURNAL PANNIER_PRINT
#include "policies/settings.def"
}

void print(const policies::SelfCheckSettings& section, Lines& lines) {
#define PANNIER_SELF_CHECK PANNIER_PRINT
#include "policies/settings.def"
}

void print(const policies::LimitSettings& section, Lines& lines) {
#define PANNIER_LIMIT PANNIER_PRINT
#include "policies/settings.def"
}

void print(const policies::AdminSettings::Token& token, Lines& lines) {
  lines.item("name", in_quotes(token.name));
  const bool in_file = !token.token_file.empty();
  lines.setting(in_file ? "token_file" : "token",
                in_quotes(in_file ? token.token_file : token.token));
  lines.setting("role", setting_text(token.role));
  lines.end();
}

void print(const policies::AdminSettings& section, Lines& lines) {
#define PANNIER_ADMIN PANNIER_PRINT
#include "policies/settings.def"
  lines.setting("allowed_hosts", list_in_quotes(section.allowed_hosts));
  if (!section.tokens.empty()) {
    lines.begin("tokens");
    for (const auto& token : section.tokens) print(token, lines);
    lines.end();
  }
  if (section.aliases.empty()) return;
  lines.begin("aliases");
  for (const auto& alias : section.aliases) {
    lines.begin(in_quotes(alias.path));
    if (!alias.method.empty()) lines.setting("method", alias.method);
    lines.setting("to", in_quotes(alias.to));
    if (!alias.reply.empty()) lines.setting("reply", alias.reply);
    lines.end();
  }
  lines.end();
}

void print(const policies::SecondTierSettings& section, Lines& lines) {
#define PANNIER_SECOND_TIER PANNIER_PRINT
#include "policies/settings.def"
}

void print(const policies::LogSettings& section, Lines& lines) {
#define PANNIER_LOG PANNIER_PRINT
#include "policies/settings.def"
}

template <class Section>
void print_section(std::string_view name, const Section& section, Lines& lines) {
  lines.begin(name);
  print(section, lines);
  lines.end();
}

void print_upstream(const policies::UpstreamSettings& section, Lines& lines) {
  lines.begin("upstream");
#define PANNIER_UPSTREAM PANNIER_PRINT
#include "policies/settings.def"
  print_section("tls", section.tls, lines);
  lines.end();
}

void print_ttl(const policies::DatedTtl& dated, Lines& lines) {
  lines.begin("ttl");
  lines.setting("when", in_quotes(dated.condition()));
  lines.setting("then", setting_text(dated.then));
  lines.setting("else", setting_text(dated.otherwise));
  lines.end();
}

void print_tier(const TierSettings& section, Lines& lines) {
  lines.begin(in_quotes(section.name));
  if (section.cache == policies::CacheMode::never) {  // Its other settings are refused.
    lines.setting("cache", setting_text(section.cache));
  } else {
#define PANNIER_TIER(type, name, value, text)              \
  if (std::string_view(#name) == "ttl" && section.dated) { \
    print_ttl(section.dated, lines);                       \
  } else {                                                 \
    lines.setting(#name, written(section.name));           \
  }
#include "policies/settings.def"
    print_section("local", section.local, lines);
    print_section("coalesce", section.coalesce, lines);
    if (section.second_tier) print_section("second_tier", *section.second_tier, lines);
  }
  lines.end();
}

void print_version(const policies::VersionSettings& version, Lines& lines) {
  if (version.mode == policies::VersionMode::none) return;
  lines.begin("version");
  lines.setting("mode", setting_text(version.mode));
  lines.setting("current", setting_text(version.current));
  const bool falls_back = version.fallback == policies::Fallback::stale;
  if (version.mode == policies::VersionMode::explicit_in_key || falls_back) {
    lines.setting("grace", setting_text(version.grace));
  }
  if (falls_back) lines.setting("fallback", setting_text(version.fallback));
  if (!version.versions.empty()) {
    std::string weights;
    for (const auto& [number, weight] : version.versions) {
      weights +=
          (weights.empty() ? "{" : ", ") + std::to_string(number) + ": " + std::to_string(weight);
    }
    lines.setting("versions", weights + "}");
  }
  if (!version.name.empty()) lines.setting("name", in_quotes(version.name));
  lines.end();
}

void print_rule(const RuleSettings& rule, const Settings& settings, Lines& lines) {
  std::vector<std::string> patterns;
  for (const auto& pattern : rule.match) patterns.push_back(pattern.text());
  lines.item("match", list_in_quotes(patterns));
  lines.setting("tier", in_quotes(settings.tiers[rule.tier].name));
  lines.setting("name", in_quotes(rule.name));
  if (rule.origin) lines.setting("origin", in_quotes(settings.origins->all[*rule.origin].name));
  if (!rule.prefetch.empty()) lines.setting("prefetch", list_in_quotes(rule.prefetch));
  lines.setting("tags", list_in_quotes(rule.tags));
  if (!rule.tags_from.empty()) {
    lines.begin("tags_from");
    for (const auto& source : rule.tags_from) {
      lines.item("json", in_quotes(source.json.text()));
      lines.setting("as", in_quotes(source.as));
      lines.end();
    }
    lines.end();
  }
  if (rule.incomplete.ttl.count() > 0) {
    lines.begin("incomplete");
    lines.setting("json", in_quotes(rule.incomplete.json.text()));
    lines.setting("is", in_quotes(rule.incomplete.is));
    lines.setting("ttl", setting_text(rule.incomplete.ttl));
    lines.end();
  }
  lines.setting("runtime_tags", setting_text(rule.runtime_tags));
  lines.setting("index", setting_text(rule.index));
  if (!rule.dates.empty()) lines.setting("dates", list_in_quotes(rule.dates));
  print_version(rule.version, lines);
  lines.end();
}

}  // namespace

std::string print_config(const Settings& settings) {
  Lines lines;
  const Settings& section = settings;
#define PANNIER_GENERAL PANNIER_PRINT
#include "policies/settings.def"
  lines.setting("deny", list_in_quotes(settings.deny));
  print_upstream(settings.upstream, lines);
  print_section("tls", settings.tls, lines);
  print_section("auth", settings.auth, lines);
  print_section("memory", settings.memory, lines);
  print_section("local", settings.local, lines);
  print_section("journal", settings.journal, lines);
  print_section("self_check", settings.self_check, lines);
  print_section("limits", settings.limits, lines);
  print_section("admin", settings.admin, lines);
  print_section("log", settings.log, lines);
  if (!settings.tiers.empty()) {
    lines.begin("tiers");
    for (const TierSettings& tier : settings.tiers) print_tier(tier, lines);
    lines.end();
  }
  if (!settings.rules.empty()) {
    lines.begin("rules");
    for (const RuleSettings& rule : settings.rules) print_rule(rule, settings, lines);
    lines.end();
  }
  auto text = lines.take();
  if (settings.origins) text += print_origins(*settings.origins);
  if (settings.automation) text += print_automation(*settings.automation);
  return text;
}

std::vector<std::string> needs_restart(const Settings& running, const Settings& next) {
  std::vector<std::string> names;
  if (running.listen != next.listen) names.emplace_back("listen");
  if (running.listen_unix != next.listen_unix) names.emplace_back("listen_unix");
  if (running.listen_tls != next.listen_tls) names.emplace_back("listen_tls");
  if (running.upstream.url != next.upstream.url) names.emplace_back("upstream.url");
  if (running.admin.listen != next.admin.listen) names.emplace_back("admin.listen");
  if (running.admin.allowed_hosts != next.admin.allowed_hosts) {
    names.emplace_back("admin.allowed_hosts");
  }
  return names;
}

}  // namespace pannier::proxy
