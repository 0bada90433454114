#pragma once

#include <boost/system/result.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "policies/settings.hpp"

namespace pannier::proxy {

/// What a configuration file says, checked whole, and what its author should know although it is
/// no error. A warning reads like an error: `name:line:column: sentence`.
struct Loaded {
  policies::Settings settings;
  std::vector<std::string> warnings;
};

/// Reads and checks a file of at most 1 MiB. An empty one is refused; an empty text gives the
/// defaults.
/// \returns the settings, or the first thing wrong in the file, on one line:
/// `conf/pannier.yaml:12:3: unknown key 'tll' in tier 'kpi' (did you mean 'ttl'?)`. Neither errors
/// nor warnings repeat a URL, which may hold a password.
boost::system::result<Loaded, std::string> load_config(const std::string& path);

/// The same for text at hand; `name` stands for the path in the texts.
boost::system::result<Loaded, std::string> parse_config(std::string_view yaml,
                                                        std::string_view name);

/// Every setting as YAML that parse_config() reads back to the same settings. The upstream URL is
/// written with its password: put url_without_password() in before showing it to anybody.
std::string print_config(const policies::Settings& settings);

/// The same with `***` for what is secret, to be shown; null stays null.
std::shared_ptr<const policies::Automation> without_secrets(
    std::shared_ptr<const policies::Automation> automation);
std::shared_ptr<const policies::Origins> without_secrets(
    const std::shared_ptr<const policies::Origins>& origins);

/// Names of the settings that differ and that only a restart can change ("listen"); the others may
/// be applied while running.
std::vector<std::string> needs_restart(const policies::Settings& running,
                                       const policies::Settings& next);

}  // namespace pannier::proxy
