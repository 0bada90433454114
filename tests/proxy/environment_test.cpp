#include "proxy/environment.hpp"

#include <doctest/doctest.h>

#include <map>

namespace pannier::proxy {

namespace {

using policies::Mode;
using Variables = std::map<std::string, std::string>;

auto wish(const Variables& variables) {
  return mode_wish([&](const char* name) {
    const auto at = variables.find(name);
    return at == variables.end() ? nullptr : at->second.c_str();
  });
}

}  // namespace

TEST_CASE("the switches that applications have for their caches are understood") {
  for (const auto* name : {"CACHE_DISABLE", "CACHE_DISABLED", "DISABLE_CACHE", "SKIP_REDIS"}) {
    for (const auto* value : {"1", "true", "TRUE", "yes", "On"}) {
      CAPTURE(name);
      CAPTURE(value);
      const auto asked = wish({{name, value}});
      REQUIRE(asked.has_value());
      REQUIRE(asked->has_value());
      CHECK((*asked)->mode == (std::string(name) == "SKIP_REDIS" ? Mode::memory : Mode::bypass));
      CHECK((*asked)->variable == name);
    }
    for (const auto* value : {"0", "false", "No", "off", ""}) {
      CHECK_FALSE(wish({{name, value}})->has_value());
    }
  }
  CHECK((*wish({{"CACHE_ENABLED", "false"}}))->mode == Mode::bypass);
  CHECK((*wish({{"ENABLE_CACHE", "0"}}))->mode == Mode::bypass);
  CHECK((*wish({{"REDIS_ENABLED", "no"}}))->mode == Mode::memory);
  CHECK_FALSE(wish({{"CACHE_ENABLED", "true"}, {"REDIS_ENABLED", "1"}})->has_value());
  CHECK_FALSE(wish({})->has_value());
}

TEST_CASE("PANNIER_MODE is obeyed before them") {
  const auto asked = wish({{"PANNIER_MODE", "normal"}, {"CACHE_DISABLE", "1"}});
  CHECK((*asked)->mode == Mode::normal);
  CHECK((*asked)->variable == "PANNIER_MODE");
  CHECK((*wish({{"PANNIER_MODE", "Memory"}}))->mode == Mode::memory);
}

TEST_CASE("what is neither on nor off is refused, and so are two that differ") {
  CHECK(wish({{"SKIP_REDIS", "maybe"}}).error() ==
        "SKIP_REDIS: 'maybe' is neither 1, true, yes, on nor 0, false, no, off");
  CHECK(wish({{"PANNIER_MODE", "by pass"}}).error() ==
        "PANNIER_MODE: 'by pass' is not normal, bypass or memory (did you mean 'bypass'?)");
  CHECK(wish({{"CACHE_DISABLE", "1"}, {"SKIP_REDIS", "1"}}).error() ==
        "CACHE_DISABLE asks for mode bypass, SKIP_REDIS for mode memory; say which with "
        "PANNIER_MODE");
  CHECK((*wish({{"CACHE_DISABLE", "1"}, {"DISABLE_CACHE", "yes"}}))->mode == Mode::bypass);
}

TEST_CASE("the switch for warming at the start is understood") {
  const auto warms = [](const char* value) {
    return warm_wish([value](const char* name) {
      return std::string_view(name) == "WARM_CACHE_ON_STARTUP" ? value : nullptr;
    });
  };
  CHECK(**warms("On"));
  CHECK_FALSE(**warms("false"));
  CHECK_FALSE(warms(nullptr)->has_value());
  CHECK_FALSE(warms("")->has_value());
  CHECK(warms("maybe").error() ==
        "WARM_CACHE_ON_STARTUP: 'maybe' is neither 1, true, yes, on nor 0, false, no, off");
}

}  // namespace pannier::proxy
