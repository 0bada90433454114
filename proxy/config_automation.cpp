// Where events come from besides HTTP, schedules, and hooks.

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>

#include "policies/field_template.hpp"
#include "policies/schedule.hpp"
#include "policies/warm.hpp"
#include "proxy/config_parts.hpp"
#include "proxy/hook_url.hpp"

namespace pannier::proxy {
namespace {

using policies::Automation;
using policies::HookSettings;
using policies::quoted;
using policies::ScheduleSettings;
using policies::SourceSettings;

constexpr std::size_t shortest_secret = 16, longest_secret = 4096;

struct ScheduleDraft : ScheduleSettings {
  const policies::Settings* settings = nullptr;
};

constexpr Field<SourceSettings> source_fields[] = {
#define PANNIER_SOURCE PANNIER_FIELD
#include "policies/settings.def"
    {"events", [](const ConfigNode& node, SourceSettings& source,
                  Findings& findings) { source.events = read_texts(node, "events", findings); }},
};

constexpr Field<ScheduleDraft> schedule_fields[] = {
#define PANNIER_SCHEDULE PANNIER_FIELD
#include "policies/settings.def"
    {"invalidate",
     [](const ConfigNode& node, ScheduleDraft& schedule, Findings& findings) {
       read_targets(node, false, *schedule.settings, schedule.invalidate, findings);
     }},
    {"warm", [](const ConfigNode& node, ScheduleDraft& schedule,
                Findings& findings) { read_scalar(node, "warm", schedule.warm, findings); }},
};

#define PANNIER_TEXTS(name)                                                          \
  {                                                                                  \
#name, [](const ConfigNode& node, HookSettings& hook,                            \
              Findings& findings) { hook.name = read_texts(node, #name, findings); } \
  }

constexpr Field<policies::WarmSettings> warm_fields[] = {
#define PANNIER_WARM PANNIER_FIELD
#include "policies/settings.def"
    {"keys", [](const ConfigNode& node, policies::WarmSettings& set,
                Findings& findings) { set.keys = read_texts(node, "keys", findings); }},
};

constexpr Field<HookSettings> hook_fields[] = {
#define PANNIER_HOOK PANNIER_FIELD
#include "policies/settings.def"
    PANNIER_TEXTS(on),
    PANNIER_TEXTS(names),
    PANNIER_TEXTS(by),
#define PANNIER_SECRET(type, name, value, text)                                \
  {#name, [](const ConfigNode& node, HookSettings& hook, Findings& findings) { \
     read_scalar(node, #name, hook.secret.name, findings);                     \
   }},
#include "policies/settings.def"
};
#undef PANNIER_TEXTS

void check_one_of(const ConfigNode& node, std::string_view setting,
                  const std::vector<std::string>& words, const std::vector<std::string_view>& known,
                  Findings& findings) {
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (std::ranges::find(known, std::string_view(words[i])) != known.end()) continue;
    const auto* value = node.find(setting);
    const bool is_list = value && value->kind == ConfigNode::Kind::list;
    findings.error(is_list ? value->items[i].mark : mark_of(node, setting),
                   std::string(setting) + ": " + quoted(words[i]) + " is unknown" +
                       policies::suggestion(words[i], known));
  }
}

std::vector<std::string_view> names_of(const Automation& automation) {
  std::vector<std::string_view> names;
  for (const auto& event : automation.events) names.push_back(event.name);
  return names;
}

void check_source(const ConfigNode& node, const SourceSettings& source,
                  const Automation& automation, Findings& findings) {
  if (source.redis_channel.empty() == source.postgres_channel.empty()) {
    findings.error(mark_of(node, "redis_channel"),
                   "a source has a redis_channel or a postgres_channel");
  }
  const auto known = names_of(automation);
  check_one_of(node, "events", source.events, known, findings);
  const auto event = policies::FieldTemplate::compile(source.event);
  if (!event) {
    findings.error(mark_of(node, "event"), "event: " + event.error());
  } else if (!event->has_fields()) {
    check_one_of(node, "event", {source.event}, known, findings);
  }
}

void check_hook(const ConfigNode& node, const HookSettings& hook, Findings& findings) {
  if (const auto url = parse_hook_url(hook.url); !url) {
    findings.error(mark_of(node, "url"), "url: " + url.error());
  }
  check_one_of(node, "method", {hook.method}, {"POST", "PUT", "PURGE", "BAN"}, findings);
  check_one_of(node, "on", hook.on, {"key", "tag", "pattern", "range"}, findings);
  const bool is_header =
      !hook.header.empty() && std::ranges::all_of(hook.header, [](unsigned char byte) {
        return std::isalnum(byte) != 0 || byte == '-' || byte == '_';
      });
  if (!is_header) {
    findings.error(mark_of(node, "header"),
                   "header: " + quoted(hook.header) + " is not the name of a header");
  }
  if (hook.timeout.count() == 0 || hook.queue.value == 0) {
    const std::string_view which = hook.queue.value == 0 ? "queue" : "timeout";
    findings.error(mark_of(node, which), std::string(which) + ": 0 would let nothing through");
  }
}

}  // namespace

std::string read_secret_file(const std::string& path, std::string& out) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return quoted(path) + " cannot be read";
  out.resize(longest_secret);
  file.read(out.data(), static_cast<std::streamsize>(out.size()));
  out.resize(static_cast<std::size_t>(file.gcount()));
  const auto begin = out.find_first_not_of(" \t\r\n"), end = out.find_last_not_of(" \t\r\n");
  out = begin == out.npos ? "" : out.substr(begin, end - begin + 1);
  return {};
}

void read_secret(const ConfigNode& node, policies::SecretSettings& secret, Findings& findings) {
  const bool texts[]{!secret.secret.empty(), !secret.secret_file.empty(),
                     !secret.secret_env.empty()};
  const auto given = std::ranges::count(texts, true);
  if (given == 0) return;
  if (given > 1) {
    return findings.error(node.mark, "give one of secret, secret_file and secret_env");
  }
  std::string_view setting = "secret";
  std::string wrong;
  secret.value = secret.secret;
  if (!secret.secret_file.empty()) {
    setting = "secret_file";
    wrong = read_secret_file(secret.secret_file, secret.value);
  } else if (!secret.secret_env.empty()) {
    setting = "secret_env";
    const char* value = std::getenv(secret.secret_env.c_str());
    secret.value = value == nullptr ? "" : value;
    if (value == nullptr) wrong = quoted(secret.secret_env) + " is not in the environment";
  }
  if (wrong.empty() && secret.value.size() < shortest_secret) {
    wrong = "it has less than 16 bytes, which can be guessed";
  }
  if (!wrong.empty()) findings.error(mark_of(node, setting), std::string(setting) + ": " + wrong);
}

/// The address of the database that a source listens to.
void find_address(const ConfigNode& node, const policies::Settings& settings,
                  SourceSettings& source, Findings& findings) {
  if (source.postgres_channel.empty()) return;
  const auto origins = settings.origins ? *settings.origins : policies::Origins();
  const auto* database = find_database(origins, source.database);
  if (database == nullptr) return report_database(node, origins, source.database, findings);
  source.address = database->address;
  if (!database->transaction_pool) return;
  findings.error(mark_of(node, "postgres_channel"),
                 "postgres_channel: through a transaction_pool nothing is notified");
}

void read_sources(const ConfigNode& node, const policies::Settings& settings,
                  Automation& automation, Findings& findings) {
  if (!expect(ConfigNode::Kind::list, node, "sources", findings)) return;
  for (const ConfigNode& item : node.items) {
    auto& source = automation.sources.emplace_back();
    read_map<SourceSettings>(item, "a source", "in a source", source_fields, source, findings);
    if (!findings.failed()) check_source(item, source, automation, findings);
    if (!findings.failed()) find_address(item, settings, source, findings);
  }
}

void check_sql(const ConfigNode& node, const policies::Settings& settings,
               const policies::ScheduleSettings& schedule, Findings& findings) {
  if (schedule.sql.empty()) {
    if (!schedule.database.empty()) {
      findings.error(mark_of(node, "database"), "database: it has no sql to run there");
    }
    return;
  }
  if (schedule.sql_timeout.count() == 0) {
    findings.error(mark_of(node, "sql_timeout"), "sql_timeout: with 0 nothing is ever run");
  }
  const auto origins = settings.origins ? *settings.origins : policies::Origins();
  if (find_database(origins, schedule.database) == nullptr)
    report_database(node, origins, schedule.database, findings);
}

void read_schedules(const ConfigNode& node, const policies::Settings& settings,
                    Automation& automation, Findings& findings) {
  if (!expect(ConfigNode::Kind::map, node, "schedules", findings)) return;
  for (const auto& [name, mark, value] : node.entries) {
    ScheduleDraft schedule;
    schedule.name = name;
    schedule.settings = &settings;
    const auto shown = "schedule " + quoted(name);
    if (name.empty()) findings.error(mark, "a schedule needs a name");
    read_map<ScheduleDraft>(value, shown, "in " + shown, schedule_fields, schedule, findings);
    if (findings.failed()) return;
    if (!value.find("invalidate") && !value.find("warm") && schedule.sql.empty()) {
      findings.error(mark, shown + " has neither invalidate nor warm nor sql");
    }
    check_sql(value, settings, schedule, findings);
    if (value.find("warm")) {
      std::vector<std::string_view> known;
      for (const auto& set : automation.warm) known.push_back(set.name);
      check_one_of(value, "warm", {schedule.warm}, known, findings);
    }
    if (const auto made = policies::Schedule::make(schedule); !made) {
      const std::string setting = made.error().substr(0, made.error().find(':'));
      findings.error(value.find(setting) ? mark_of(value, setting) : mark, made.error());
    }
    automation.schedules.push_back(std::move(schedule));
  }
}

void read_warm(const ConfigNode& node, Automation& automation, Findings& findings) {
  constexpr std::size_t most_keys = 1'000;
  if (!expect(ConfigNode::Kind::map, node, "warm", findings)) return;
  for (const auto& [name, mark, value] : node.entries) {
    auto& set = automation.warm.emplace_back();
    set.name = name;
    const auto shown = "warm set " + quoted(name);
    if (name.empty()) findings.error(mark, "a warm set needs a name");
    read_map<policies::WarmSettings>(value, shown, "in " + shown, warm_fields, set, findings);
    if (findings.failed()) return;
    if (set.keys.empty() && set.hot.value == 0) {
      findings.error(mark, shown + " has neither keys nor hot");
    }
    if (set.keys.size() > most_keys || set.hot.value > most_keys) {
      findings.error(mark, shown + ": a set has at most 1,000 keys, and as many hot ones");
    }
    for (std::size_t i = 0; i < set.keys.size(); ++i) {
      const auto why = policies::objection_to_warm_key(set.keys[i]);
      if (!why.empty()) findings.error(value.find("keys")->items[i].mark, "keys: " + why);
    }
  }
}

void read_hooks(const ConfigNode& node, Automation& automation, Findings& findings) {
  if (!expect(ConfigNode::Kind::list, node, "hooks", findings)) return;
  for (const ConfigNode& item : node.items) {
    auto& hook = automation.hooks.emplace_back();
    read_map<HookSettings>(item, "a hook", "in a hook", hook_fields, hook, findings);
    if (findings.failed()) return;
    check_hook(item, hook, findings);
    read_secret(item, hook.secret, findings);
  }
}

void read_automation(const ConfigNode& root, policies::Settings& settings, Findings& findings) {
  auto automation = std::make_shared<Automation>();
  const auto* webhook = root.find("webhook");
  const auto* events = root.find("events");
  const auto* sources = root.find("sources");
  const auto* warm = root.find("warm");
  const auto* schedules = root.find("schedules");
  const auto* hooks = root.find("hooks");
  if (!webhook && !events && !sources && !warm && !schedules && !hooks) return;
  if (webhook) read_webhook(*webhook, automation->webhook, findings);
  if (events) read_events(*events, settings, *automation, findings);
  if (sources && !findings.failed()) read_sources(*sources, settings, *automation, findings);
  if (warm) read_warm(*warm, *automation, findings);
  if (schedules && !findings.failed()) read_schedules(*schedules, settings, *automation, findings);
  if (hooks) read_hooks(*hooks, *automation, findings);
  settings.automation = std::move(automation);
}

}  // namespace pannier::proxy
