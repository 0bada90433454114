// Events: what happens elsewhere, and what it makes invalid here.

#include <fstream>

#include "policies/events.hpp"
#include "proxy/config_json.hpp"
#include "proxy/config_parts.hpp"
#include "proxy/event_reply.hpp"
#include "proxy/json_schema.hpp"

namespace pannier::proxy {
namespace {

using policies::EventSettings;
using policies::quoted;

/// An event with what its reading needs to know of the rest.
struct EventDraft {
  EventSettings event;
  const policies::Settings& settings;
};

void read_schema(const ConfigNode& node, EventDraft& draft, Findings& findings) {
  if (!expect(ConfigNode::Kind::map, node, "schema", findings)) return;
  draft.event.schema = json_of(node);
  const auto made = JsonSchema::compile(draft.event.schema);
  if (!made) findings.error(node.mark, "schema: " + made.error());
}

constexpr std::size_t largest_schema = 256 << 10;

void read_schema_file(const ConfigNode& node, EventDraft& draft, Findings& findings) {
  read_scalar(node, "schema_file", draft.event.schema_file, findings);
  std::ifstream file(draft.event.schema_file, std::ios::binary);
  std::string text(largest_schema + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.is_open() || file.bad()) {
    return findings.error(node.mark, "schema_file: " + quoted(node.text) + " cannot be read");
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  if (text.size() > largest_schema) {
    return findings.error(node.mark, "schema_file: " + quoted(node.text) + " is over 256 KiB");
  }
  draft.event.schema = std::move(text);
  const auto made = JsonSchema::compile(draft.event.schema);
  if (!made) findings.error(node.mark, "schema_file: " + made.error());
}

void read_reply(const ConfigNode& node, EventDraft& draft, Findings& findings) {
  if (!expect(ConfigNode::Kind::map, node, "reply", findings)) return;
  draft.event.reply = json_of(node);
  const auto wrong = objection_to_reply(draft.event.reply);
  if (!wrong.empty()) findings.error(node.mark, "reply: " + wrong);
}

/// `source: final_watchdog`, or a list of values of which one must be there.
void read_when(const ConfigNode& node, EventDraft& draft, Findings& findings) {
  if (!expect(ConfigNode::Kind::map, node, "when", findings)) return;
  for (const auto& [field, mark, value] : node.entries) {
    auto& condition = draft.event.when.emplace_back();
    condition.field = field;
    if (const auto path = policies::JsonPath::compile("$." + field); !path) {
      findings.error(mark, "when: " + quoted(field) + " is not a field: " + path.error());
    }
    if (value.kind == ConfigNode::Kind::list) {
      condition.values = read_texts(value, "when", findings);
    } else {
      read_scalar(value, "when", condition.values.emplace_back(), findings);
    }
  }
}

void read_idempotency(const ConfigNode& node, EventDraft& draft, Findings& findings) {
  read_scalar(node, "idempotency", draft.event.idempotency, findings);
  const auto made = policies::FieldTemplate::compile(draft.event.idempotency);
  if (!made) {
    findings.error(node.mark, "idempotency: " + quoted(node.text) + ": " + made.error());
  } else if (!made->has_fields()) {
    findings.error(node.mark, "idempotency: " + quoted(node.text) +
                                  " names no field, so all events would be one; write \"{id}\"");
  }
}

constexpr Field<EventDraft> event_fields[] = {
    {"when", read_when},
    {"schema", read_schema},
    {"schema_file", read_schema_file},
    {"invalidate",
     [](const ConfigNode& node, EventDraft& draft, Findings& findings) {
       read_targets(node, true, draft.settings, draft.event.invalidate, findings);
     }},
    {"reply", read_reply},
    {"idempotency", read_idempotency},
};

constexpr Field<policies::WebhookSettings> webhook_fields[] = {
#define PANNIER_WEBHOOK PANNIER_FIELD
#include "policies/settings.def"
#define PANNIER_SECRET(type, name, value, text)                                                \
  {#name, [](const ConfigNode& node, policies::WebhookSettings& webhook, Findings& findings) { \
     read_scalar(node, #name, webhook.secret.name, findings);                                  \
   }},
#include "policies/settings.def"
};

}  // namespace

void read_events(const ConfigNode& node, const policies::Settings& settings,
                 policies::Automation& automation, Findings& findings) {
  if (!expect(ConfigNode::Kind::map, node, "events", findings)) return;
  for (const auto& [name, mark, value] : node.entries) {
    EventDraft draft{{}, settings};
    draft.event.name = name;
    if (name.empty()) findings.error(mark, "an event needs a name");
    read_map<EventDraft>(value, "event " + quoted(name), "in event " + quoted(name), event_fields,
                         draft, findings);
    if (!findings.failed() && value.find("schema") && value.find("schema_file")) {
      findings.error(mark_of(value, "schema_file"), "give one of schema and schema_file");
    }
    if (!findings.failed() && !value.find("invalidate")) {
      findings.error(mark, "event " + quoted(name) + " has no invalidate");
    }
    automation.events.push_back(std::move(draft.event));
  }
}

void read_webhook(const ConfigNode& node, policies::WebhookSettings& webhook, Findings& findings) {
  read_map<policies::WebhookSettings>(node, "webhook", "in webhook", webhook_fields, webhook,
                                      findings);
  read_secret(node, webhook.secret, findings);
  if (webhook.window.count() == 0) {
    findings.error(mark_of(node, "window"), "window: 0 would let nothing through");
  }
}

}  // namespace pannier::proxy
