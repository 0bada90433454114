#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <future>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include "policies/test_bugs.hpp"
#include "tests/support/simulation.hpp"

namespace pannier::tests {

namespace {

using policies::Bug;

/// What the simulation says of the first schedule of these in which it notices something.
std::optional<std::string> first_find(std::uint64_t first, std::uint64_t last) {
  for (auto seed = first; seed <= last; ++seed) {
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
/// And without a mistake: many more.
constexpr std::uint64_t schedules_without = 100'000;

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
    const auto find = first_find(1, schedules);
    policies::active_bug = Bug::none;
    CHECK_MESSAGE(find, name << " is not noticed: " << text);
    MESSAGE(name << ": " << find.value_or("not noticed"));
  }
}

TEST_CASE("and nothing where there is none") {
  constexpr auto half = schedules_without / 2;
  auto later = std::async(std::launch::async, first_find, half + 1, schedules_without);
  CHECK(first_find(1, half).value_or("nothing") == "nothing");
  CHECK(later.get().value_or("nothing") == "nothing");
}

}  // namespace pannier::tests
