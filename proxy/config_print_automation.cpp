// Events, schedules and hooks as YAML: one line each, because JSON in them is YAML as it is.

#include "policies/automation.hpp"
#include "proxy/config_parts.hpp"

namespace pannier::proxy {
namespace {

using policies::Count;
using policies::milliseconds;
using proxy::written;

std::string written(const std::vector<std::string>& texts) {
  std::string list;
  for (const auto& text : texts) list += (list.empty() ? "" : ", ") + in_quotes(text);
  return "[" + list + "]";
}

/// `{a: 1, b: 2}`, piece by piece.
class Flow {
 public:
  Flow& add(std::string_view name, std::string_view value) {
    out_.append(out_.empty() ? "" : ", ").append(name).append(": ").append(value);
    return *this;
  }
  /// The same, unless there is nothing to say.
  Flow& add_list(std::string_view name, const std::vector<std::string>& texts) {
    return texts.empty() ? *this : add(name, written(texts));
  }
  std::string text() const { return "{" + out_ + "}"; }

 private:
  std::string out_;
};

#define PANNIER_FLOW(type, name, value, text)                     \
  if (written(section.name) != written(static_cast<type>(value))) \
    flow.add(#name, written(section.name));

void add(Flow& flow, const policies::SecretSettings& section){
#define PANNIER_SECRET PANNIER_FLOW
#include "policies/settings.def"
}

std::string written(const policies::TargetSettings& targets) {
  Flow flow;
  flow.add_list("keys", targets.keys).add_list("tags", targets.tags);
  std::string list;
  for (const auto& tags : targets.all_of) list += (list.empty() ? "" : ", ") + written(tags);
  if (!list.empty()) flow.add("all_of", "[" + list + "]");
  flow.add_list("patterns", targets.patterns);
  list.clear();
  for (const auto& range : targets.ranges) {
    Flow one;
    one.add("rule", in_quotes(range.rule)).add("from", in_quotes(range.from));
    list += (list.empty() ? "" : ", ") + one.add("to", in_quotes(range.to)).text();
  }
  if (!list.empty()) flow.add("ranges", "[" + list + "]");
  flow.add_list("rules", targets.rules);
  if (targets.soft) flow.add("soft", "true");
  return flow.text();
}

std::string written(const policies::EventSettings& event) {
  Flow flow, when;
  for (const auto& condition : event.when) {
    when.add(in_quotes(condition.field), written(condition.values));
  }
  if (!event.when.empty()) flow.add("when", when.text());
  if (!event.schema_file.empty()) {
    flow.add("schema_file", in_quotes(event.schema_file));
  } else if (!event.schema.empty()) {
    flow.add("schema", event.schema);
  }
  flow.add("invalidate", written(event.invalidate));
  if (!event.reply.empty()) flow.add("reply", event.reply);
  if (!event.idempotency.empty()) flow.add("idempotency", in_quotes(event.idempotency));
  return flow.text();
}

std::string written(const policies::SourceSettings& section) {
  Flow flow;
#define PANNIER_SOURCE PANNIER_FLOW
#include "policies/settings.def"
  return flow.add_list("events", section.events).text();
}

std::string written(const policies::ScheduleSettings& section) {
  Flow flow;
#define PANNIER_SCHEDULE PANNIER_FLOW
#include "policies/settings.def"
  if (!section.invalidate.empty()) flow.add("invalidate", written(section.invalidate));
  if (!section.warm.empty()) flow.add("warm", in_quotes(section.warm));
  return flow.text();
}

std::string written(const policies::WarmSettings& section) {
  Flow flow;
#define PANNIER_WARM PANNIER_FLOW
#include "policies/settings.def"
  return flow.add_list("keys", section.keys).text();
}

std::string written(const policies::HookSettings& section) {
  Flow flow;
#define PANNIER_HOOK PANNIER_FLOW
#include "policies/settings.def"
  flow.add_list("on", section.on).add_list("names", section.names).add_list("by", section.by);
  add(flow, section.secret);
  return flow.text();
}

std::string written(const policies::WebhookSettings& section) {
  Flow flow;
#define PANNIER_WEBHOOK PANNIER_FLOW
#include "policies/settings.def"
  add(flow, section.secret);
  return flow.text();
}

template <class Section>
void print_list(std::string& out, std::string_view name, const std::vector<Section>& sections) {
  if (!sections.empty()) out.append(name).append(":\n");
  for (const auto& section : sections) out += "  - " + written(section) + "\n";
}

template <class Section>
void print_map(std::string& out, std::string_view name, const std::vector<Section>& sections) {
  if (!sections.empty()) out.append(name).append(":\n");
  for (const auto& section : sections) {
    out += "  " + in_quotes(section.name) + ": " + written(section) + "\n";
  }
}

}  // namespace

std::string print_automation(const policies::Automation& automation) {
  std::string out = "webhook: " + written(automation.webhook) + "\n";
  print_map(out, "events", automation.events);
  print_list(out, "sources", automation.sources);
  print_map(out, "warm", automation.warm);
  print_map(out, "schedules", automation.schedules);
  print_list(out, "hooks", automation.hooks);
  return out;
}

std::shared_ptr<const policies::Automation> without_secrets(
    std::shared_ptr<const policies::Automation> automation) {
  if (!automation) return automation;
  auto shown = std::make_shared<policies::Automation>(*automation);
  const auto hide = [](policies::SecretSettings& secret) {
    if (!secret.secret.empty()) secret.secret = "***";
    secret.value.clear();
  };
  hide(shown->webhook.secret);
  for (auto& hook : shown->hooks) hide(hook.secret);
  return shown;
}

}  // namespace pannier::proxy
