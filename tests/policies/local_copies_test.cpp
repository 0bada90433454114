#include "policies/local_copies.hpp"

#include <doctest/doctest.h>

#include <string>

using namespace pannier::policies;
using namespace std::chrono_literals;

namespace {

constexpr TimePoint start{1h};

void keep(LocalCopies& copies, const std::string& key, milliseconds life) {
  const auto view = copies.look(key, start, true);
  REQUIRE(copies.replace(0, key, view, {}, "$1\r\nv\r\n", start + life, start));
}

/// As many sweeps as there are in that time, one every ten milliseconds.
void sweep_for(LocalCopies& copies, TimePoint now, milliseconds time) {
  for (milliseconds passed{}; passed < time; passed += 10ms) copies.sweep(now);
}

}  // namespace

TEST_CASE("Copies that are over are gone within 30 seconds though nothing is evicted or read") {
  LocalCopies copies;
  copies.resize(64 << 20);
  for (int i = 0; i < 20'000; ++i) keep(copies, "short:" + std::to_string(i), 5s);
  for (int i = 0; i < 20'000; ++i) keep(copies, "long:" + std::to_string(i), 1h);
  sweep_for(copies, start + 4s, 30s);
  CHECK(copies.size() == 40'000);
  sweep_for(copies, start + 6s, 30s);
  CHECK(copies.size() == 20'000);
  CHECK(copies.find(0, "long:7", {}, start + 6s));
}

TEST_CASE("One sweep looks at a small share of the copies") {
  LocalCopies copies;
  copies.resize(64 << 20);
  for (int i = 0; i < 30'000; ++i) keep(copies, std::to_string(i), 1s);
  copies.sweep(start + 2s);
  CHECK(copies.size() >= 30'000 - 30'000 / 1'000);
  CHECK(copies.size() < 30'000);
}

TEST_CASE("Few copies are gone with the next sweep") {
  LocalCopies copies;
  copies.resize(64 << 20);
  for (int i = 0; i < 10; ++i) keep(copies, std::to_string(i), 1s);
  copies.sweep(start + 2s);
  CHECK(copies.size() == 0);
}
