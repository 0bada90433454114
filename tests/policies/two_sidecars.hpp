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

inline const std::string nil = "$-1\r\n", ok = "+OK\r\n";

/// Two sidecars before one Redis; what they ask of PostgreSQL, the test answers.
struct TwoSidecars {
  FakeRedis redis;
  TimePoint start{seconds(100)};
  Sidecar here, there;
  Sidecar::ClientId a, b, other;  ///< Clients, of which the last one is there.

  explicit TwoSidecars(const Settings& settings)
      : here(redis, settings, start, true), there(redis, settings, start, true) {
    here.pipeline().set_name("here");
    there.pipeline().set_name("there");
    here.has_origins = there.has_origins = true;
    a = here.connect();
    b = here.connect();
    other = there.connect();
    pass(milliseconds(10));
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
};

}  // namespace pannier::tests
