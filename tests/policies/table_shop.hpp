#pragma once

#include <doctest/doctest.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policies/origin.hpp"
#include "protocol/reply.hpp"
#include "subjects.hpp"
#include "tests/support/sidecar.hpp"

namespace pannier::tests {

using namespace policies;

/// Two sidecars before one Redis; what they ask of the table, the test answers.
struct Shop {
  FakeRedis redis;
  TimePoint start{seconds(100)};
  Sidecar here, there;
  Sidecar::ClientId a, b, other;

  explicit Shop(Guard guard = Guard::off, CoalesceScope scope = CoalesceScope::sidecar)
      : here(redis, settings(guard, scope), start, true),
        there(redis, settings(guard, scope), start, true) {
    here.pipeline().set_name("here");
    there.pipeline().set_name("there");
    here.has_origins = there.has_origins = true;
    a = here.connect();
    b = here.connect();
    other = there.connect();
    pass(milliseconds(10));
  }
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
  void pass(milliseconds time) {
    for (; time.count() > 0; time -= milliseconds(10)) {
      redis.now += milliseconds(10);
      for (auto* sidecar : {&here, &there}) {
        sidecar->now += milliseconds(10);
        sidecar->tick();
      }
      settle();
    }
  }
  void settle() {
    for (int i = 0; i < 3; ++i) {
      here.settle();
      there.settle();
    }
  }
  void send(Sidecar::ClientId client, std::vector<std::string_view> words) {
    here.send(client, wire_of(words));
    settle();
  }
  std::string told(Sidecar::ClientId client) { return here.take(client); }
  static OriginLoad take_load(Sidecar& sidecar) {
    REQUIRE(sidecar.loads.size() == 1);
    auto load = std::move(sidecar.loads.front());
    sidecar.loads.clear();
    return load;
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
