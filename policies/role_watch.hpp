#pragma once

#include <algorithm>
#include <array>
#include <chrono>

#include "policies/time.hpp"

namespace pannier::policies {

class Core;

/// Asks upstream every second whether it is still what it was when it was connected to, and sees
/// how long the answer takes. A promotion or a demotion is pushed to nobody, and the connections
/// stay.
class RoleWatch {
 public:
  void tick(Core& core);
  /// Upstream has just been connected to, and said what it is.
  void restart(TimePoint now);

  /// Whether upstream takes much longer to answer than it can: then what has time should wait.
  bool is_slow(TimePoint now) const {
    auto delay = *std::ranges::max_element(last_);
    if (open_) delay = std::max(delay, std::chrono::duration_cast<microseconds>(now - asked_));
    return delay > slow + 4 * least_;
  }

 private:
  class Question;
  static constexpr milliseconds slow{10};
  void answered(TimePoint now);

  TimePoint asked_{};
  bool open_ = false;                           ///< It has not been answered yet.
  std::array<microseconds, 3> last_{};          ///< What the last answers took: one may have luck.
  microseconds least_ = std::chrono::hours(1);  ///< The shortest of all on this connection.
};

}  // namespace pannier::policies
