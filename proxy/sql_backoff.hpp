#pragma once

#include <algorithm>
#include <random>

#include "policies/time.hpp"

namespace pannier::proxy {

/// Pauses between attempts: each up to twice the one before, with full jitter, so that a fleet that
/// lost PostgreSQL at once does not come back at once. Never long: until a session listens again,
/// nobody hears of the changes.
class SqlBackoff {
 public:
  /// After one more failure. From 10 ms to 1 s.
  policies::milliseconds next() {
    const auto most = std::min(longest, first * (1 << std::min(failures_++, 10u)));
    std::uniform_int_distribution<policies::milliseconds::rep> any(shortest.count(), most.count());
    return policies::milliseconds(any(random_));
  }
  void reset() { failures_ = 0; }
  bool failing() const { return failures_ > 0; }

 private:
  static constexpr policies::milliseconds shortest{10}, first{100}, longest{1000};
  unsigned failures_ = 0;
  std::minstd_rand random_{std::random_device{}()};
};

}  // namespace pannier::proxy
