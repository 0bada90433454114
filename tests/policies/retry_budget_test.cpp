#include "policies/retry_budget.hpp"

#include <doctest/doctest.h>

using pannier::policies::RetryBudget;

namespace {

std::uint32_t left_in(RetryBudget budget) {
  std::uint32_t retries = 0;
  while (budget.spend()) ++retries;
  return retries;
}

}  // namespace

TEST_CASE("Every tenth read earns one retry") {
  RetryBudget budget;
  while (budget.spend()) {
  }
  for (int i = 0; i < 9; ++i) budget.earn();
  CHECK_FALSE(budget.spend());
  budget.earn();
  CHECK(budget.spend());
  CHECK_FALSE(budget.spend());
}

TEST_CASE("A few retries are there from the start, and no more than a hundred are saved up") {
  RetryBudget budget;
  CHECK(left_in(budget) == RetryBudget::at_first);
  for (int i = 0; i < 100'000; ++i) budget.earn();
  CHECK(left_in(budget) == RetryBudget::most);
}
