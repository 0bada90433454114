#pragma once

#include "policies/automation.hpp"
#include "policies/origin.hpp"
#include "policies/settings.hpp"
#include "proxy/config_reader.hpp"

namespace pannier::proxy {

/// The longest life of anything that is kept.
inline constexpr policies::milliseconds longest_life = std::chrono::hours(24) * 3650;
/// The longest time a load may take: what it began with is remembered for 10 s, and by that its
/// result is judged.
inline constexpr policies::seconds longest_load{9};

/// The parts of a configuration, each read and checked by itself; what one part must know of
/// another is checked where it is said.

void read_upstream(const ConfigNode& node, policies::UpstreamSettings& upstream,
                   Findings& findings);
void read_upstream_tls(const ConfigNode& node, policies::UpstreamSettings& upstream,
                       Findings& findings);
/// That TLS is not set up for an upstream that is plain.
void check_upstream_tls(const ConfigNode& upstream, const policies::UpstreamSettings& settings,
                        Findings& findings);
void read_tls(const ConfigNode& node, policies::TlsSettings& tls, Findings& findings);
void read_auth(const ConfigNode& node, policies::AuthSettings& auth, Findings& findings);
void read_memory(const ConfigNode& node, policies::MemorySettings& memory, Findings& findings);
void read_local(const ConfigNode& node, policies::LocalSettings& local, Findings& findings);
void read_journal(const ConfigNode& node, policies::JournalSettings& journal, Findings& findings);
void read_self_check(const ConfigNode& node, policies::SelfCheckSettings& self_check,
                     Findings& findings);
void read_limits(const ConfigNode& node, policies::LimitSettings& limits, Findings& findings);
void read_admin(const ConfigNode& node, policies::AdminSettings& admin, Findings& findings);
/// What is wrong with a token, without repeating it; empty if nothing.
std::string objection_to_token(std::string_view token);
void read_log(const ConfigNode& node, policies::LogSettings& log, Findings& findings);

void read_tiers(const ConfigNode& node, std::vector<policies::TierSettings>& tiers,
                Findings& findings);

void read_second_tier(const ConfigNode& node, policies::TierSettings& tier, Findings& findings);
/// Once databases are known: checks the second tiers of `tiers`, a map as they were read, and adds
/// their reads to the origins.
void check_second_tiers(const ConfigNode& tiers, policies::Settings& settings,
                        policies::Origins& origins, Findings& findings);
/// What of a rule does not go with the second tier of its tier.
void check_second_tier(const ConfigNode& rule_node, const policies::TierSettings& tier,
                       const policies::RuleSettings& rule, Findings& findings);

/// Reads the rules, finds their tiers in `settings.tiers`, and checks what rules must keep among
/// themselves: names, versions that are shared, and that each pattern can be reached.
void read_rules(const ConfigNode& node, policies::Settings& settings, Findings& findings);

/// Databases and origins; before the rules, which name them.
void read_origins(const ConfigNode& root, policies::Settings& settings, Findings& findings);
/// The database of that name, or the only one where `name` is empty. \returns null if there is
/// none.
const policies::PostgresSettings* find_database(const policies::Origins& origins,
                                                std::string_view name);
/// Says that there is none.
void report_database(const ConfigNode& node, const policies::Origins& origins,
                     std::string_view name, Findings& findings);
/// The origin of a rule, if it names one.
void find_origin(const ConfigNode& rule_node, std::string_view name,
                 const policies::Settings& settings, policies::RuleSettings& rule,
                 Findings& findings);
/// As YAML, as they were given.
std::string print_origins(const policies::Origins& origins);

/// That clients can connect somewhere, and nobody where they should not.
void check_listen(const ConfigNode& root, const policies::Settings& settings, Findings& findings);

// Of Automation, each also checked against the rest: config_events.cpp, config_targets.cpp,
// config_automation.cpp.
void read_webhook(const ConfigNode& node, policies::WebhookSettings& webhook, Findings& findings);
void read_events(const ConfigNode& node, const policies::Settings& settings,
                 policies::Automation& automation, Findings& findings);
void read_sources(const ConfigNode& node, const policies::Settings& settings,
                  policies::Automation& automation, Findings& findings);
void read_warm(const ConfigNode& node, policies::Automation& automation, Findings& findings);
void read_schedules(const ConfigNode& node, const policies::Settings& settings,
                    policies::Automation& automation, Findings& findings);
void read_hooks(const ConfigNode& node, policies::Automation& automation, Findings& findings);
/// Events, schedules and hooks; after the rules, which their ranges name.
void read_automation(const ConfigNode& root, policies::Settings& settings, Findings& findings);

/// In double quotes, the one YAML form that can hold every text; settings have no control bytes.
std::string in_quotes(std::string_view text);
/// A setting's value as YAML has it.
template <class T>
std::string written(const T& value) {
  return policies::setting_text(value);
}
inline std::string written(const std::string& value) { return in_quotes(value); }
/// As YAML, with all secrets that were given there.
std::string print_automation(const policies::Automation& automation);

/// What is to be invalidated. `has_payload`: fields may be named.
void read_targets(const ConfigNode& node, bool has_payload, const policies::Settings& settings,
                  policies::TargetSettings& targets, Findings& findings);
/// What a file of at most 4 KiB holds, without white space at its ends. \returns what is wrong.
std::string read_secret_file(const std::string& path, std::string& out);
/// A secret out of its three settings in the map `node`, each of which may be there or not.
void read_secret(const ConfigNode& node, policies::SecretSettings& secret, Findings& findings);

/// A pattern of a rule and where it is written.
struct PlacedPattern {
  const protocol::KeyPattern* pattern;
  Mark mark;
};

/// Reports patterns that no key reaches, because an earlier one takes all of theirs.
void check_reachable(const std::vector<PlacedPattern>& patterns, Findings& findings);
/// Warns of what nothing will ever use; last, when there are no errors.
void warn_of_unused(const ConfigNode& root, const policies::Settings& settings, Findings& findings);

}  // namespace pannier::proxy
