#pragma once

#include <algorithm>
#include <chrono>

#include "policies/time.hpp"

namespace pannier::proxy {

/// Whether the loop has so much to do that what has time should wait: it worked for most of the
/// last while, or came late to what it had to do in time.
class LoadGauge {
 public:
  static constexpr policies::milliseconds window{200}, late{20};
  static constexpr double most_share = 0.8;

  /// To be called every `interval`. \param used the processor's time of the loop's thread so far.
  void tick(policies::TimePoint now, std::chrono::nanoseconds used,
            policies::milliseconds interval) {
    if (last_ == policies::TimePoint{}) {
      began_ = last_ = now;
      used_before_ = used;
    }
    latest_ = std::max<policies::microseconds>(latest_, now - last_ - interval);
    last_ = now;
    if (now - began_ < window) return;
    busy_ = latest_ > late || used - used_before_ > most_share * (now - began_);
    began_ = now;
    used_before_ = used;
    latest_ = {};
  }
  bool busy() const { return busy_; }

 private:
  policies::TimePoint began_{}, last_{};
  std::chrono::nanoseconds used_before_{0};
  policies::microseconds latest_{0};
  bool busy_ = false;
};

/// What the calling thread has used of the processor.
std::chrono::nanoseconds processor_time();

}  // namespace pannier::proxy
