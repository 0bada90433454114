#pragma once

#include <chrono>
#include <cstdint>

namespace pannier::policies {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// A clock nobody can read: it gives monotonic time a type. The proxy passes the time in.
struct Monotonic {
  using rep = std::int64_t;
  using period = std::micro;
  using duration = microseconds;
  using time_point = std::chrono::time_point<Monotonic>;
  static constexpr bool is_steady = true;
};
using TimePoint = Monotonic::time_point;

/// Redis's own clock: milliseconds since the Unix epoch, as TIME and PEXPIRETIME tell them.
struct ServerClock {
  using rep = std::int64_t;
  using period = std::milli;
  using duration = milliseconds;
  using time_point = std::chrono::time_point<ServerClock>;
  static constexpr bool is_steady = false;
};
using ServerTime = ServerClock::time_point;

}  // namespace pannier::policies
