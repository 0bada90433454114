#pragma once

#include <string>
#include <vector>

#include "policies/settings.hpp"

namespace pannier::policies {

/// What invalidates without a client or an operator, and who is told of invalidations. Behind a
/// pointer in Settings, because next to nobody needs to know.

#define PANNIER_MEMBER(type, name, value, text) type name = value;

/// Three ways to give one secret; `value` is what they gave, and never printed.
struct SecretSettings {
#define PANNIER_SECRET PANNIER_MEMBER
#include "policies/settings.def"
  std::string value;
};

/// Of events that come over HTTP from outside.
struct WebhookSettings {
#define PANNIER_WEBHOOK PANNIER_MEMBER
#include "policies/settings.def"
  SecretSettings secret;
};

/// What is to be invalidated: texts in which `{field}` stands for what a payload says.
struct TargetSettings {
  struct Range {
    std::string rule, from, to;
  };
  std::vector<std::string> keys, tags;
  std::vector<std::vector<std::string>> all_of;
  std::vector<std::string> patterns;
  std::vector<Range> ranges;
  std::vector<std::string> rules;  ///< All keys under them, by name.
  bool soft = false;

  bool empty() const {
    return keys.empty() && tags.empty() && all_of.empty() && patterns.empty() && ranges.empty() &&
           rules.empty();
  }
};

struct EventSettings {
  /// A field of the payload must have one of these values.
  struct Condition {
    std::string field;
    std::vector<std::string> values;
  };
  std::string name;
  std::string schema;       ///< JSON Schema of the payload, as JSON; empty: any object.
  std::string schema_file;  ///< From where it was read, if not from the configuration itself.
  std::vector<Condition> when;
  TargetSettings invalidate;
  std::string reply;        ///< JSON in whose texts fields and `{count}` are filled in, or empty.
  std::string idempotency;  ///< A text with fields that names the one event, or empty.
};

/// From where events come beside HTTP and PANNIER EVENT.
struct SourceSettings {
#define PANNIER_SOURCE PANNIER_MEMBER
#include "policies/settings.def"
  std::vector<std::string> events;  ///< Those that may come from there; empty: all.
  std::string address;              ///< Of the database; never printed.
};

/// Keys that are worth having here before somebody asks for them.
struct WarmSettings {
  std::string name;
  std::vector<std::string> keys;  ///< As warm_keys() has them.
#define PANNIER_WARM PANNIER_MEMBER
#include "policies/settings.def"
};

struct ScheduleSettings {
  std::string name;
#define PANNIER_SCHEDULE PANNIER_MEMBER
#include "policies/settings.def"
  TargetSettings invalidate;
  std::string warm;  ///< The name of a set that is warmed behind that; empty: none.
};

/// Whom to tell of invalidations.
struct HookSettings {
#define PANNIER_HOOK PANNIER_MEMBER
#include "policies/settings.def"
  std::vector<std::string> on;     ///< `key`, `tag`, `pattern`, `range`; empty: all.
  std::vector<std::string> names;  ///< Globs: one of what was invalidated matches; empty: all.
  std::vector<std::string> by;     ///< Globs of who asked: `event stock*`; empty: all.
  SecretSettings secret;
};

struct Automation {
  WebhookSettings webhook;
  std::vector<EventSettings> events;
  std::vector<SourceSettings> sources;
  std::vector<WarmSettings> warm;
  std::vector<ScheduleSettings> schedules;
  std::vector<HookSettings> hooks;
};

#undef PANNIER_MEMBER

}  // namespace pannier::policies
