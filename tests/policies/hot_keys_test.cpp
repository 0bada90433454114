#include "policies/hot_keys.hpp"

#include <doctest/doctest.h>

namespace pannier::tests {

using policies::HotKeys;
using Names = std::vector<std::string>;

TEST_CASE("The keys that are read most come first") {
  HotKeys hot;
  CHECK(hot.top(3).empty());
  for (const auto* key : {"b", "a", "c", "a", "b", "a"}) hot.note(key);
  CHECK(hot.top(2) == Names{"a", "b"});
  CHECK(hot.top(9) == Names{"a", "b", "c"});
  CHECK(hot.top(0).empty());
}

TEST_CASE("What was read once makes room, and what was hot long ago is forgotten") {
  HotKeys hot;
  for (int i = 0; i < 1'000; ++i) hot.note("hot");
  const auto flood = [&hot](int round) {
    for (std::size_t i = 0; i < HotKeys::capacity; ++i) {
      hot.note("cold:" + std::to_string(round) + ":" + std::to_string(i));
    }
  };
  flood(0);
  CHECK(hot.top(1) == Names{"hot"});
  CHECK(hot.top(10'000).size() <= HotKeys::capacity);
  for (int round = 1; round < 20; ++round) flood(round);
  CHECK(hot.top(1) != Names{"hot"});
}

}  // namespace pannier::tests
