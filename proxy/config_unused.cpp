// What is configured and will never be used: no error, and most likely a slip.

#include "policies/counters.hpp"
#include "policies/rule_set.hpp"
#include "policies/warm.hpp"
#include "proxy/config_parts.hpp"

namespace pannier::proxy {
namespace {

using policies::quoted;
using policies::Settings;

void warn_of_tiers(const ConfigNode& root, const Settings& settings, Findings& findings) {
  for (std::size_t i = 0; i < settings.tiers.size(); ++i) {
    bool is_used = false;
    for (const auto& rule : settings.rules) is_used |= rule.tier == i;
    if (is_used) continue;
    findings.warning(root.find("tiers")->entries[i].mark,
                     "no rule uses tier " + quoted(settings.tiers[i].name));
  }
}

void warn_of_origins(const ConfigNode& root, const Settings& settings, Findings& findings) {
  const auto* origins = root.find("origins");
  if (origins == nullptr) return;
  for (const auto& [name, mark, value] : origins->entries) {
    bool is_used = false;
    for (const auto& rule : settings.rules) {
      is_used |= rule.origin && settings.origins->all[*rule.origin].name == name;
    }
    if (!is_used) findings.warning(mark, "no rule uses origin " + quoted(name));
  }
}

void warn_of_warm_keys(const ConfigNode& root, const Settings& settings, Findings& findings) {
  const auto* sets = root.find("warm");
  if (sets == nullptr) return;
  policies::CounterBook book;
  const policies::RuleSet rules(settings, book);
  for (std::size_t i = 0; i < settings.automation->warm.size(); ++i) {
    const auto* keys = sets->entries[i].value.find("keys");
    const auto& set = settings.automation->warm[i];
    const auto names = warm_keys(set, policies::Date{});
    for (std::size_t k = 0; k < names.size(); ++k) {
      policies::Match match;
      rules.find(names[k], match);
      if (match) continue;
      findings.warning(keys->items[k].mark,
                       "keys: no rule has " + quoted(set.keys[k]) + ", so it is never warmed");
    }
  }
}

}  // namespace

void warn_of_unused(const ConfigNode& root, const Settings& settings, Findings& findings) {
  warn_of_tiers(root, settings, findings);
  warn_of_origins(root, settings, findings);
  warn_of_warm_keys(root, settings, findings);
}

}  // namespace pannier::proxy
