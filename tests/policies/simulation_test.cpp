#include "tests/support/simulation.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <string>

namespace pannier::tests {

namespace {

/// PANNIER_SIMULATION="first count" plays other schedules than the usual ones.
std::pair<std::uint64_t, std::uint64_t> seeds() {
  const char* asked = std::getenv("PANNIER_SIMULATION");
  if (asked == nullptr) return {1, 4'000};
  char* rest = nullptr;
  const auto first = std::strtoull(asked, &rest, 10);
  const auto count = std::strtoull(rest, nullptr, 10);
  return {first, count == 0 ? 1 : count};
}

}  // namespace

TEST_CASE("whatever the order in which things happen, every promise about replies is kept") {
  const auto [first, count] = seeds();
  for (auto seed = first; seed < first + count; ++seed) {
    Simulation simulation(seed);
    std::string wrong;
    try {
      simulation.play(220);
    } catch (const std::exception& error) {
      wrong = error.what();
    }
    REQUIRE_MESSAGE(wrong.empty(), "seed " << seed << ": " << wrong << "\n" << simulation.story());
  }
}

}  // namespace pannier::tests
