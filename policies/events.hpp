#pragma once

#include <boost/system/result.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "policies/automation.hpp"
#include "policies/field_template.hpp"
#include "policies/invalidation.hpp"
#include "policies/json_path.hpp"

namespace pannier::policies {

/// Targets of a configuration, compiled.
class Targets {
 public:
  /// \returns them, or what is wrong and in which text.
  static boost::system::result<Targets, std::string> compile(const TargetSettings& settings);

  /// What `payload` makes of them, at most `most` keys, tags, patterns and ranges together. What a
  /// payload says is taken literally in patterns, and must be a date in ranges.
  /// \returns it, or what in the payload is missing or wrong.
  boost::system::result<Invalidation, std::string> fill(const JsonDocument& payload,
                                                        std::size_t most) const;

  /// All that any payload could make of them: `*` stands for what it might say. Of tags that it
  /// would name only the rules are known, so all their keys are taken.
  Invalidation widest(const std::vector<RuleSettings>& rules) const;

  /// Whether it needs a payload.
  bool has_fields() const;

 private:
  struct Range {
    std::string rule;
    FieldTemplate from, to;
  };
  using Texts = std::vector<FieldTemplate>;

  Texts keys_, tags_, patterns_;
  std::vector<Texts> all_of_;
  std::vector<Range> ranges_;
  std::vector<std::string> rules_;
  bool soft_ = false;
};

/// What happened elsewhere, by name, and what it makes invalid here.
class Event {
 public:
  /// \returns the event, or what is wrong with its settings.
  static boost::system::result<Event, std::string> compile(const EventSettings& settings);

  const EventSettings& settings() const { return settings_; }
  /// Whether `payload` says what `when` demands.
  bool concerns(const JsonDocument& payload) const;
  /// What names this one event: one text if the configuration says how, else none.
  /// \returns it, or which field is missing.
  boost::system::result<std::vector<std::string>, std::string> idempotency_key(
      const JsonDocument& payload) const;
  const Targets& targets() const { return targets_; }

 private:
  struct Condition {
    JsonPath field;
    std::vector<std::string> values;
  };

  EventSettings settings_;
  Targets targets_;
  std::vector<Condition> when_;
  std::vector<FieldTemplate> idempotency_;  ///< One or none.
};

}  // namespace pannier::policies
