#include "policies/counters.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

using namespace pannier::policies;

namespace {

struct Entry {
  std::string_view name, text;
};

const std::vector<Entry> whole = {
#define PANNIER_COUNTER(name, text) {#name, text},
#include "policies/counters.def"
};
const std::vector<Entry> per_tier = {
#define PANNIER_TIER_COUNTER(name, text) {#name, text},
#include "policies/counters.def"
};

}  // namespace

TEST_CASE("Every counter starts at zero") {
  CounterBook book;
  auto& tier = book.tier("hot");
#define PANNIER_COUNTER(name, text) CHECK(book.name == 0);
#define PANNIER_TIER_COUNTER(name, text) CHECK(tier.name == 0);
#include "policies/counters.def"
  CHECK(tier.hit_seconds.total() == 0);
  CHECK(tier.miss_seconds.total() == 0);
  CHECK(tier.load_seconds.total() == 0);
}

TEST_CASE("No two counters have the same name, as a metric has one meaning") {
  std::set<std::string_view> names;
  for (const auto& list : {whole, per_tier}) {
    for (const auto& entry : list) {
      CAPTURE(entry.name);
      CHECK(names.insert(entry.name).second);
    }
  }
}

TEST_CASE("Every counter says in a sentence what it counts") {
  for (const auto& list : {whole, per_tier}) {
    for (const auto& entry : list) {
      CAPTURE(entry.name);
      REQUIRE_FALSE(entry.text.empty());
      CHECK((entry.text.front() >= 'A' && entry.text.front() <= 'Z'));
      CHECK(entry.text.back() == '.');
    }
  }
}

TEST_CASE("Every counter's name can stand in a metric's name") {
  for (const auto& list : {whole, per_tier}) {
    for (const auto& entry : list) {
      CAPTURE(entry.name);
      CHECK(std::all_of(entry.name.begin(), entry.name.end(),
                        [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; }));
    }
  }
}

TEST_CASE("A tier finds its counters again by name") {
  CounterBook book;
  book.tier("hot").hits = 5;
  book.tier("cold").hits = 7;
  CHECK(book.tier("hot").hits == 5);
  CHECK(book.tier("cold").hits == 7);
  CHECK(book.tiers.size() == 2);
}

TEST_CASE("A tier's counters stay where they are while other tiers come") {
  CounterBook book;
  auto& hot = book.tier("hot");
  for (int i = 0; i < 1'000; ++i) book.tier("tier" + std::to_string(i));
  ++hot.hits;
  CHECK(&book.tier("hot") == &hot);
  CHECK(book.tier("hot").hits == 1);
}
