#include "proxy/admin_actions.hpp"

#include <algorithm>

#include "policies/load_report.hpp"
#include "protocol/command_table.hpp"
#include "protocol/reply.hpp"
#include "proxy/admin_roles.hpp"
#include "proxy/admin_words.hpp"

namespace pannier::proxy {

using protocol::equals_nocase;
using protocol::Value;

namespace {

Value error(std::string text) { return {Value::Error{"ERR pannier: " + std::move(text)}}; }
Value ok() { return {Value::Status{"OK"}}; }

Value usage(std::string_view name, std::string_view words) {
  std::string text = "usage: PANNIER ";
  for (const char byte : name) text += static_cast<char>(byte - 'a' + 'A');
  if (!words.empty()) text += ' ' + std::string(words);
  return error(text + "; not executed");
}

}  // namespace

std::optional<Value> AdminActions::run(policies::Client& client, Words args,
                                       policies::TimePoint now) {
  if (auto refusal = objection(client, args)) return refusal;
  if (args.size() < 2) return help({client, {}, now});
  const Call call{client, args.subspan(2), now};
#define PANNIER_ACTION(name, words, argument, looks, role, text) \
  if (equals_nocase(args[1], #name)) return name(call);
#include "policies/actions.def"
  return error("unknown command 'PANNIER " + std::string(args[1]) +
               "' (PANNIER HELP lists them); not executed");
}

std::optional<Value> AdminActions::run(policies::Client& client, policies::Invalidation what,
                                       policies::TimePoint now) {
  const auto is_known = [&](const std::string& rule) {
    return pipeline_.all_of_rules(rule).has_value();
  };
  auto rules = what.rules;
  for (const auto& range : what.ranges) rules.push_back(range.rule);
  const auto unknown = std::ranges::find_if_not(rules, is_known);
  if (unknown != rules.end()) return error("there is no rule '" + *unknown + "'; not executed");
  return start({client, {}, now}, std::move(what));
}

AdminActions::Reply AdminActions::objection(const policies::Client& client, Words args) const {
  const auto role = pipeline_.core().rules->settings().admin.resp;
  if (client.internal || role == policies::Role::admin) return {};
  const auto words = args.subspan(1);
  const auto need = need_of({words.begin(), words.end()}).value_or(Need{});
  if (need.role <= role) return {};
  return error("PANNIER " + std::string(words.empty() ? "" : words[0]) + " needs role " +
               setting_text(need.role) + "; clients of this port have " + setting_text(role) +
               " (admin.resp); not executed");
}

AdminActions::Reply AdminActions::help(const Call&) {
  Value::List lines;
  const auto add = [&](std::string_view name, std::string_view words, std::string text) {
    std::string line = "PANNIER ";
    for (const char byte : name) line += static_cast<char>(byte - 'a' + 'A');
    if (!words.empty()) line += ' ' + std::string(words);
    lines.push_back({Value::Status{std::move(line)}});
    lines.push_back({Value::Status{"    " + std::move(text)}});
  };
#define PANNIER_ACTION(name, words, argument, looks, role, text) add(#name, words, text);
#include "policies/actions.def"
  lines.push_back(
      {Value::Status{"PANNIER over HTTP, on the admin port: the same words as a path"}});
  for (const char* line :
       {"    curl http://127.0.0.1:9180/explain/KEY",
        "    curl -X POST -H 'X-Pannier: 1' "
        "http://127.0.0.1:9180/invalidate/tag/TAG  (whatever changes something)"}) {
    lines.push_back({Value::Status{line}});
  }
  return Value{std::move(lines)};
}

AdminActions::Reply AdminActions::stats(const Call& call) {
  pipeline_.report(call.client, call.now);
  return std::nullopt;
}

AdminActions::Reply AdminActions::explain(const Call& call) {
  if (call.words.size() != 1) return usage("explain", "<key>");
  pipeline_.explain(call.client, call.words[0], call.now);
  return std::nullopt;
}

AdminActions::Reply AdminActions::invalidate(const Call& call) {
  auto what = invalidation_of(call.words);
  if (!what) {
    if (!what.error().empty()) return error(std::move(what).error() + "; not executed");
    return usage("invalidate",
                 "KEY <key>... | TAG <tag>... [ALL] | PATTERN <glob>... | "
                 "RANGE <rule> <from> <to> [SOFT]");
  }
  return start(call, std::move(*what));
}

AdminActions::Reply AdminActions::clear(const Call& call) {
  if (call.words.size() > 1) return usage("clear", "[<rule>]");
  const auto rule = call.words.empty() ? std::string_view() : call.words[0];
  auto what = pipeline_.all_of_rules(rule);
  if (!what && rule.empty()) return Value{std::int64_t{0}};
  if (!what) return error("there is no rule '" + std::string(rule) + "'; not executed");
  return start(call, std::move(*what));
}

AdminActions::Reply AdminActions::warm(const Call& call) {
  if (call.words.size() != 1) return usage("warm", "<set>");
  pipeline_.warm(call.client, call.words[0], call.now);
  return std::nullopt;
}

AdminActions::Reply AdminActions::loaders(const Call& call) {
  if (!call.words.empty()) return usage("loaders", "");
  return policies::load_report(pipeline_.core());
}

AdminActions::Reply AdminActions::jobs(const Call& call) {
  if (!call.words.empty()) return usage("jobs", "");
  return pipeline_.jobs(call.now);
}

AdminActions::Reply AdminActions::start(const Call& call, policies::Invalidation what) {
  if (auto why = pipeline_.objection(what); !why.empty()) return error(why + "; not executed");
  const auto& client = call.client;
  what.by = client.internal ? "http" : "client " + std::to_string(client.id);
  if (!client.name.empty()) what.by += " (" + client.name + ")";
  if (client.identity) what.by += " as " + client.identity->user;
  pipeline_.invalidate(call.client, std::move(what), call.now);
  return std::nullopt;
}

AdminActions::Reply AdminActions::event(const Call& call) {
  if (call.words.size() != 2) return usage("event", "<name> <json>");
  const policies::Ticket ticket{call.client.id, call.client.next};
  program_.event(call.words[0], call.words[1],
                 [this, ticket](const Value& answer) { program_.deliver(ticket, answer); });
  return std::nullopt;
}

AdminActions::Reply AdminActions::tags(const Call& call) {
  if (call.words.size() != 1) return usage("tags", "<key>");
  return pipeline_.tags(call.client, call.words[0], call.now);
}

AdminActions::Reply AdminActions::tag(const Call& call) {
  if (call.words.empty()) return usage("tag", "<key> [<tag>...]");
  pipeline_.tag(call.client, call.words[0], call.words.subspan(1), call.now);
  return std::nullopt;
}

AdminActions::Reply AdminActions::keys(const Call& call) {
  if (call.words.size() != 1) return usage("keys", "<tag>");
  pipeline_.list_keys(call.client, call.words[0], call.now);
  return std::nullopt;
}

AdminActions::Reply AdminActions::leases(const Call& call) {
  constexpr std::int64_t usual = 100;
  const auto most = call.words.empty() ? usual : protocol::to_integer(call.words[0]).value_or(-1);
  if (call.words.size() > 1 || most < 0) return usage("leases", "[<most>]");
  return pipeline_.leases(static_cast<std::size_t>(most), call.now);
}

AdminActions::Reply AdminActions::mode(const Call& call) {
  if (call.words.empty()) return Value{policies::setting_text(pipeline_.core().mode)};
  std::string word(call.words[0]);
  for (char& byte : word) byte = static_cast<char>(byte | 0x20);
  policies::Mode mode{};
  if (call.words.size() > 1 || !policies::parse_setting(word, mode).empty()) {
    return usage("mode", "[normal | bypass | memory]");
  }
  pipeline_.set_mode(mode, "PANNIER MODE", call.now);
  return ok();
}

AdminActions::Reply AdminActions::reload(const Call& call) {
  if (!call.words.empty()) return usage("reload", "");
  const auto reloaded = program_.reload();
  if (!reloaded) return error(reloaded.error() + "; not executed");
  std::string names;
  for (const auto& name : *reloaded) names += (names.empty() ? "" : ", ") + name;
  if (names.empty()) return ok();
  return Value{Value::Status{"OK, needs restart: " + names}};
}

AdminActions::Reply AdminActions::config(const Call& call) {
  const auto words = call.words;
  if (words.empty() || words.size() > 2 || !equals_nocase(words[0], "check")) {
    return usage("config", "CHECK [<file>]");
  }
  auto wrong = program_.check(words.size() == 2 ? std::string(words[1]) : std::string());
  return wrong.empty() ? ok() : error(std::move(wrong) + "; not executed");
}

}  // namespace pannier::proxy
