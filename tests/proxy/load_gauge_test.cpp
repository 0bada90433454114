#include "proxy/load_gauge.hpp"

#include <doctest/doctest.h>

using namespace pannier::proxy;
using namespace pannier::policies;

namespace {

constexpr milliseconds interval{10};

/// A loop that ticks in time for a while, and uses so much of the processor.
struct Looped {
  LoadGauge gauge;
  TimePoint now{seconds(100)};
  std::chrono::nanoseconds used{0};

  void run(milliseconds time, double share) {
    for (milliseconds passed{0}; passed < time; passed += interval) {
      now += interval;
      used += std::chrono::nanoseconds(static_cast<std::int64_t>(share * 1e6) * interval.count());
      gauge.tick(now, used, interval);
    }
  }
};

}  // namespace

TEST_CASE("A loop that mostly waits is not loaded, one that mostly works is") {
  Looped loop;
  CHECK_FALSE(loop.gauge.busy());
  loop.run(milliseconds(500), 0.5);
  CHECK_FALSE(loop.gauge.busy());
  loop.run(milliseconds(500), 0.95);
  CHECK(loop.gauge.busy());
  loop.run(milliseconds(500), 0.1);
  CHECK_FALSE(loop.gauge.busy());
}

TEST_CASE("What a process has done before its loop turns does not count") {
  Looped loop;
  loop.used = std::chrono::seconds(2);
  loop.run(LoadGauge::window, 0.1);
  CHECK_FALSE(loop.gauge.busy());
}

TEST_CASE("A loop that comes late is loaded, until it has been in time for a while") {
  Looped loop;
  loop.run(milliseconds(500), 0.1);
  loop.now += milliseconds(50);
  loop.run(LoadGauge::window, 0.1);
  CHECK(loop.gauge.busy());
  loop.run(LoadGauge::window, 0.1);
  CHECK_FALSE(loop.gauge.busy());
}

TEST_CASE("What a thread does costs its processor's time") {
  const auto before = processor_time();
  volatile int sum = 0;
  while (processor_time() - before < std::chrono::milliseconds(2)) sum = sum + 1;
  CHECK(processor_time() > before);
}
