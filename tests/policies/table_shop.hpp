#pragma once

#include "two_sidecars.hpp"

namespace pannier::tests {

/// Two sidecars with a second tier.
struct Shop : TwoSidecars {
  explicit Shop(Guard guard = Guard::off, CoalesceScope scope = CoalesceScope::sidecar)
      : TwoSidecars(settings(guard, scope)) {}
  static Settings settings(Guard guard, CoalesceScope scope) {
    auto origins = std::make_shared<Origins>();
    origins->databases.emplace_back();
    auto& read = origins->all.emplace_back();
    read.name = "second tier of 'days'";
    read.is_second_tier = true;
    Settings settings;
    settings.origins = std::move(origins);
    auto& tier = settings.tiers.emplace_back(tier_of(seconds(60)));
    tier.name = "days";
    tier.guard = guard;
    tier.coalesce.scope = scope;
    auto& table = tier.second_tier.emplace();
    table.sql_put = "put";
    table.sql_delete = "delete";
    settings.rules.push_back(rule_of({"day:{id}"}, {"day:{id}"}));
    return settings;
  }
  static TableCall take_call(Sidecar& sidecar, std::string_view sql) {
    REQUIRE(sidecar.table_calls.size() == 1);
    auto call = std::move(sidecar.table_calls.front());
    sidecar.table_calls.clear();
    CHECK(call.sql == sql);
    return call;
  }
  /// The next statement of a sidecar, which succeeds.
  void carry_out(Sidecar& sidecar, std::string_view sql) {
    sidecar.answer_table(take_call(sidecar, sql), {});
    settle();
  }
};

}  // namespace pannier::tests
