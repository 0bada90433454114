// Databases, and the queries that load what is missing.

#include <algorithm>

#include "proxy/address.hpp"
#include "proxy/config_parts.hpp"
#include "proxy/config_tags.hpp"
#include "proxy/sql_connection.hpp"
#include "proxy/sql_parameters.hpp"

namespace pannier::proxy {
namespace {

using policies::Origins;
using policies::OriginSettings;
using policies::PostgresSettings;
using policies::quoted;

/// An origin with the texts that need the databases to be understood.
struct OriginDraft {
  OriginSettings origin;
  std::string database;
};

constexpr Field<PostgresSettings> postgres_fields[] = {
#define PANNIER_POSTGRES PANNIER_FIELD
#include "policies/settings.def"
};

constexpr Field<OriginSettings::Parameter> parameter_fields[] = {
    {"value", [](const ConfigNode& node, OriginSettings::Parameter& parameter,
                 Findings& findings) { read_scalar(node, "value", parameter.value, findings); }},
    {"type", [](const ConfigNode& node, OriginSettings::Parameter& parameter,
                Findings& findings) { read_scalar(node, "type", parameter.type, findings); }},
};

/// `"{day}"`, or a map that says of which type it is.
void read_params(const ConfigNode& node, OriginDraft& draft, Findings& findings) {
  if (!expect(ConfigNode::Kind::list, node, "params", findings)) return;
  for (const ConfigNode& item : node.items) {
    auto& parameter = draft.origin.params.emplace_back();
    if (item.kind == ConfigNode::Kind::scalar) {
      read_scalar(item, "params", parameter.value, findings);
    } else {
      read_map<OriginSettings::Parameter>(item, "a parameter", "in a parameter", parameter_fields,
                                          parameter, findings);
    }
    if (parameter.value.empty()) {
      findings.error(item.mark, "params: a parameter needs a value, as \"{id}\"");
    }
  }
}

constexpr Field<OriginDraft> origin_fields[] = {
#define PANNIER_ORIGIN(type, name, value, text)                                \
  {#name, [](const ConfigNode& node, OriginDraft& draft, Findings& findings) { \
     read_scalar(node, #name, draft.origin.name, findings);                    \
   }},
#include "policies/settings.def"
    {"database",
     [](const ConfigNode& node, OriginDraft& draft, Findings& findings) {
       read_scalar(node, "database", draft.database, findings);
     }},
    {"sql", [](const ConfigNode& node, OriginDraft& draft,
               Findings& findings) { read_scalar(node, "sql", draft.origin.sql, findings); }},
    {"params", read_params},
};

void check_address(const ConfigNode& node, std::string_view setting,
                   const PostgresSettings& database, Findings& findings) {
  const auto wrong = sql_url_error(database.address);
  if (wrong.empty()) return;
  findings.error(mark_of(node, setting), std::string(setting) + ": " + wrong);
}

void find_address(const ConfigNode& node, PostgresSettings& database, Findings& findings) {
  if (database.url.empty() == database.url_file.empty()) {
    return findings.error(node.mark, "database " + quoted(database.name) +
                                         " needs a url or a url_file, and not both");
  }
  if (database.queue.value == 0 || database.pool_size.value == 0) {
    return findings.error(
        node.mark, "database " + quoted(database.name) + ": pool_size and queue are at least 1");
  }
  database.address = database.url;
  if (database.url_file.empty()) return check_address(node, "url", database, findings);
  const auto wrong = read_secret_file(database.url_file, database.address);
  if (!wrong.empty() || database.address.empty()) {
    return findings.error(mark_of(node, "url_file"), "url_file: " + quoted(database.url_file) +
                                                         " cannot be read, or is empty");
  }
  check_address(node, "url_file", database, findings);
}

void check_origin(const ConfigNode& node, const Origins& origins, OriginDraft& draft,
                  Findings& findings) {
  auto& origin = draft.origin;
  const auto title = "origin " + quoted(origin.name);
  if (origin.sql.empty()) return findings.error(node.mark, title + " has no sql");
  const auto* found = find_database(origins, draft.database);
  if (found == nullptr) {
    if (!draft.database.empty()) return report_database(node, origins, draft.database, findings);
    return findings.error(mark_of(node, "database"), title + " names no database; there are " +
                                                         std::to_string(origins.databases.size()));
  }
  origin.database = static_cast<std::size_t>(found - origins.databases.data());
  if (origin.concurrency.value == 0) {
    findings.error(mark_of(node, "concurrency"), "concurrency: with 0 nothing is ever asked");
  }
  if (origin.soft_timeout >= origin.timeout) {
    findings.error(mark_of(node, "soft_timeout"),
                   "soft_timeout: below the timeout, or nobody gets the stale value before it");
  }
  if (origin.timeout > longest_load) {
    findings.error(mark_of(node, "timeout"),
                   "timeout: at most 9s; what takes longer is better "
                   "computed before, by a materialised view");
  }
  const auto used = parameters_in(origin.sql);
  if (used != origin.params.size()) {
    findings.error(mark_of(node, "params"), title + ": the sql uses $1 to $" +
                                                std::to_string(used) + ", and params has " +
                                                std::to_string(origin.params.size()));
  }
  const auto& database = *found;
  if (origin.timeout <= database.statement_timeout) {
    findings.warning(mark_of(node, "timeout"),
                     title + ": its timeout is not above the statement_timeout of " +
                         quoted(database.name) + ", so PostgreSQL works on after it is given up");
  }
}

}  // namespace

const PostgresSettings* find_database(const Origins& origins, std::string_view name) {
  const auto& all = origins.databases;
  if (name.empty() && all.size() == 1) return &all.front();
  const auto found = std::ranges::find(all, name, &PostgresSettings::name);
  return found == all.end() ? nullptr : &*found;
}

void report_database(const ConfigNode& node, const policies::Origins& origins,
                     std::string_view name, Findings& findings) {
  if (name.empty()) {
    return findings.error(mark_of(node, "database"),
                          "database: name one of those under postgres, of which there are " +
                              std::to_string(origins.databases.size()));
  }
  std::vector<std::string_view> names;
  for (const auto& one : origins.databases) names.push_back(one.name);
  findings.error(mark_of(node, "database"), "database: " + quoted(name) + " is not among postgres" +
                                                policies::suggestion(name, names));
}

void read_origins(const ConfigNode& root, policies::Settings& settings, Findings& findings) {
  const auto* databases = root.find("postgres");
  const auto* queries = root.find("origins");
  const auto* tiers = root.find("tiers");
  const bool has_tables = std::ranges::any_of(
      settings.tiers, [](const auto& tier) { return tier.second_tier.has_value(); });
  if (databases == nullptr && queries == nullptr && !has_tables) return;
  auto origins = std::make_shared<Origins>();
  if (databases && expect(ConfigNode::Kind::map, *databases, "postgres", findings)) {
    for (const auto& [name, mark, value] : databases->entries) {
      auto& database = origins->databases.emplace_back();
      database.name = name;
      read_map<PostgresSettings>(value, "database " + quoted(name), "in database " + quoted(name),
                                 postgres_fields, database, findings);
      if (!findings.failed()) find_address(value, database, findings);
    }
  }
  if (queries && expect(ConfigNode::Kind::map, *queries, "origins", findings)) {
    for (const auto& [name, mark, value] : queries->entries) {
      OriginDraft draft;
      draft.origin.name = name;
      read_map<OriginDraft>(value, "origin " + quoted(name), "in origin " + quoted(name),
                            origin_fields, draft, findings);
      if (!findings.failed()) check_origin(value, *origins, draft, findings);
      origins->all.push_back(std::move(draft.origin));
    }
  }
  if (has_tables && !findings.failed()) check_second_tiers(*tiers, settings, *origins, findings);
  settings.origins = std::move(origins);
}

void find_origin(const ConfigNode& node, std::string_view name, const policies::Settings& settings,
                 policies::RuleSettings& rule, Findings& findings) {
  if (node.find("origin") == nullptr) return;
  const auto mark = mark_of(node, "origin");
  std::vector<std::string_view> names;
  const auto count = settings.origins ? settings.origins->all.size() : 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto& origin = settings.origins->all[i];
    names.push_back(origin.name);
    if (origin.name == name) rule.origin = i;
  }
  if (!rule.origin) {
    return findings.error(
        mark, "origin: " + quoted(name) + " is unknown" + policies::suggestion(name, names));
  }
  const auto& tier = settings.tiers[rule.tier];
  if (settings.origins->all[*rule.origin].soft_timeout.count() > 0 && tier.stale.count() == 0) {
    findings.warning(mark, "origin: " + quoted(name) + " has a soft_timeout, and tier " +
                               quoted(tier.name) + " no stale values: it has no effect");
  }
  if (rule.version.mode != policies::VersionMode::none) {
    findings.error(mark, "origin: keys with versions are loaded by clients; leave one of them out");
  }
  for (const auto& parameter : settings.origins->all[*rule.origin].params) {
    check_captures(mark, "origin", parameter.value, rule, findings);
  }
}

std::shared_ptr<const Origins> without_secrets(const std::shared_ptr<const Origins>& origins) {
  if (!origins) return nullptr;
  auto shown = std::make_shared<Origins>(*origins);
  for (auto& database : shown->databases) {
    const auto& url = database.url;
    const auto sign = url.rfind('@'), user = url.find("://");
    const bool is_uri = user != url.npos && sign != url.npos && user < sign;
    if (url.find("password") != url.npos) {
      database.url = "***";
    } else if (is_uri && url.find(':', user + 3) < sign) {
      database.url = url_without_password(url);
    }
  }
  return shown;
}

std::string print_origins(const Origins& origins) {
  using namespace policies;
  std::string out;
  const auto add = [&out](std::string_view name, const std::string& now, const std::string& usual) {
    if (now != usual) out += "    " + std::string(name) + ": " + in_quotes(now) + "\n";
  };
#define PANNIER_LINE(type, name, value, text)      \
  add(#name, policies::setting_text(section.name), \
      policies::setting_text(static_cast<type>(value)));
  if (!origins.databases.empty()) out += "postgres:\n";
  for (const auto& section : origins.databases) {
    out += "  " + in_quotes(section.name) + ":\n";
#define PANNIER_POSTGRES PANNIER_LINE
#include "policies/settings.def"
  }
  if (!origins.all.empty() && !origins.all[0].is_second_tier) out += "origins:\n";
  for (const auto& section : origins.all) {
    if (section.is_second_tier) break;  // They stand at the end, and are printed with their tiers.
    out += "  " + in_quotes(section.name) + ":\n";
    out += "    database: " + in_quotes(origins.databases[section.database].name) + "\n";
    out += "    sql: " + in_quotes(section.sql) + "\n";
    std::string list;
    for (const auto& parameter : section.params) {
      list += (list.empty() ? "" : ", ") + ("{value: " + in_quotes(parameter.value)) +
              ", type: " + policies::setting_text(parameter.type) + "}";
    }
    if (!list.empty()) out += "    params: [" + list + "]\n";
#define PANNIER_ORIGIN PANNIER_LINE
#include "policies/settings.def"
  }
#undef PANNIER_LINE
  return out;
}

}  // namespace pannier::proxy
