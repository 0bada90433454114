#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "two_sidecars.hpp"

namespace pannier::tests {

/// Two sidecars whose keys `sum:{day}:{id}` come from an origin.
struct Fleet : TwoSidecars {
  explicit Fleet(OnError on_error = OnError::error, milliseconds stale = milliseconds(0),
                 milliseconds negative_ttl = seconds(5))
      : TwoSidecars(settings(on_error, stale, negative_ttl)) {}
  static Settings settings(OnError on_error, milliseconds stale, milliseconds negative_ttl) {
    auto origins = std::make_shared<Origins>();
    origins->databases.emplace_back();
    auto& origin = origins->all.emplace_back();
    origin.name = "days";
    origin.params = {{"{day}", ParameterType::date}, {"x-{id}", ParameterType::text}};
    origin.on_error = on_error;
    origin.negative_ttl = negative_ttl;
    Settings settings;
    settings.origins = std::move(origins);
    settings.tiers.push_back(tier_of(seconds(60), stale));
    settings.rules.push_back(rule_of({"sum:{day}:{id}"}, {"day:{day}"}));
    settings.rules[0].origin = 0;
    return settings;
  }
  void get(Sidecar& sidecar, Sidecar::ClientId client) {
    sidecar.send(client, wire_of({"GET", "sum:2026-11-21:7"}));
    settle();
  }
  /// The other sidecar invalidates the day. \returns its reply.
  std::string invalidate(bool soft) {
    there.act = [this, soft](Client& asker,
                             const protocol::Command&) -> std::optional<protocol::Value> {
      Invalidation what;
      what.tags = {"day:2026-11-21"};
      what.soft = soft;
      there.pipeline().invalidate(asker, std::move(what), there.now);
      return std::nullopt;
    };
    there.send(other, wire_of({"PANNIER", "INVALIDATE"}));
    settle();
    return there.take(other);
  }
};

}  // namespace pannier::tests
