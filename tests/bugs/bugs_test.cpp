#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include "policies/test_bugs.hpp"
#include "tests/support/simulation.hpp"

namespace pannier::tests {

namespace {

using policies::Bug;

/// What the simulation says of the first schedule in which it notices something.
std::optional<std::string> first_find(std::uint64_t schedules) {
  for (std::uint64_t seed = 1; seed <= schedules; ++seed) {
    Simulation simulation(seed);
    try {
      simulation.play(220);
    } catch (const std::exception& error) {
      return "schedule " + std::to_string(seed) + ": " + error.what();
    }
  }
  return std::nullopt;
}

/// Of those played; one that is noticed seldom is noticed by luck.
constexpr std::uint64_t schedules = 20'000;

struct Named {
  Bug bug;
  std::string_view name, text;
};
constexpr Named bugs[] = {
#define PANNIER_BUG(name, text) {Bug::name, #name, text},
#include "policies/test_bugs.def"
};

}  // namespace

TEST_CASE("the simulation notices every mistake that it is there to notice") {
  const char* only = std::getenv("PANNIER_BUG");
  for (const auto& [bug, name, text] : bugs) {
    if (only != nullptr && name != only) continue;
    policies::active_bug = bug;
    const auto find = first_find(schedules);
    policies::active_bug = Bug::none;
    CHECK_MESSAGE(find, name << " is not noticed: " << text);
    MESSAGE(name << ": " << find.value_or("not noticed"));
  }
}

TEST_CASE("and nothing where there is none") { CHECK(first_find(schedules) == std::nullopt); }

}  // namespace pannier::tests
