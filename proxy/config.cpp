#include "proxy/config.hpp"

#include <cerrno>
#include <cstring>
#include <fstream>

#include "protocol/command_table.hpp"
#include "proxy/config_parts.hpp"

namespace pannier::proxy {
namespace {

using policies::quoted;
using policies::Settings;

constexpr std::size_t largest_file = 1u << 20;

#define PANNIER_SECTION(section)                                                           \
  {                                                                                        \
#section, [](const ConfigNode& node, Settings& settings,                               \
                 Findings& findings) { read_##section(node, settings.section, findings); } \
  }

/// Rules look for their tiers among those that have been read, and events for rules.
void read_nothing_yet(const ConfigNode&, Settings&, Findings&) {}

/// Names of commands that this table does not know may be a module's.
void read_deny(const ConfigNode& node, Settings& settings, Findings& findings) {
  settings.deny = read_texts(node, "deny", findings);
  for (std::size_t i = 0; i < settings.deny.size(); ++i) {
    auto& name = settings.deny[i];
    name = protocol::lower(name);
    const bool is_name = !name.empty() && name.find_first_of(" \t*") == std::string::npos;
    if (is_name) continue;
    findings.error(node.items[i].mark, "deny: " + quoted(name) +
                                           " is not the name of a command; write monitor, or "
                                           "config|set for a subcommand");
  }
}

constexpr Field<Settings> top_fields[] = {
#define PANNIER_GENERAL PANNIER_FIELD
#include "policies/settings.def"
    PANNIER_SECTION(upstream),      PANNIER_SECTION(auth),
    PANNIER_SECTION(tls),           PANNIER_SECTION(memory),
    PANNIER_SECTION(local),         PANNIER_SECTION(limits),
    PANNIER_SECTION(admin),         PANNIER_SECTION(log),
    PANNIER_SECTION(tiers),         PANNIER_SECTION(journal),
    PANNIER_SECTION(self_check),    {"deny", read_deny},
    {"postgres", read_nothing_yet}, {"origins", read_nothing_yet},
    {"rules", read_nothing_yet},    {"webhook", read_nothing_yet},
    {"events", read_nothing_yet},   {"sources", read_nothing_yet},
    {"warm", read_nothing_yet},     {"schedules", read_nothing_yet},
    {"hooks", read_nothing_yet},
};
#undef PANNIER_SECTION

}  // namespace

boost::system::result<Loaded, std::string> parse_config(std::string_view yaml,
                                                        std::string_view name) {
  if (yaml.size() > largest_file) return std::string(name) + ": larger than 1 MiB";
  const auto root = read_document(yaml, name);
  if (!root) return root.error();
  Findings findings(name);
  Loaded loaded;
  Settings& settings = loaded.settings;
  read_map<Settings>(*root, "a configuration", "", top_fields, settings, findings);
  check_listen(*root, settings, findings);
  if (!findings.failed()) read_origins(*root, settings, findings);
  if (const ConfigNode* rules = root->find("rules"); rules && !findings.failed()) {
    read_rules(*rules, settings, findings);
  }
  if (!findings.failed()) read_automation(*root, settings, findings);
  if (findings.failed()) return findings.first();
  warn_of_unused(*root, settings, findings);
  loaded.warnings = findings.take_warnings();
  return loaded;
}

boost::system::result<Loaded, std::string> load_config(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text(largest_file + 1, '\0');
  if (file) file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad()) {
    return path + ": cannot be read: " + std::strerror(errno != 0 ? errno : EIO);
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  // More likely a write that failed than the wish to have no rules.
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) {
    return path + ": the file is empty; one that is to change nothing says at least: rules: []";
  }
  return parse_config(text, path);
}

}  // namespace pannier::proxy
