#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "policies/time.hpp"

namespace pannier::policies {

/// What is known of upstream's clock: a moment that it has passed, which moves on with our own.
/// What upstream said is older by the reply's way here, so of two answers the one that came faster
/// knows more. The idea is that of NTP's filter of round trips.
class ClockFloor {
 public:
  /// The moment in the reply to TIME, or nothing if it is not one.
  static std::optional<ServerTime> parse(std::string_view reply);

  /// All of before is forgotten: it is the first answer, or another server's.
  void set(ServerTime time, TimePoint now) {
    seen_ = time;
    seen_at_ = now;
  }
  /// Upstream's clock said `time`, after a question that was sent at the floor `asked`. Only a
  /// clock that was set back says less than that, or one that is slower than ours; then it is
  /// believed, as is whatever comes when the last answer is old.
  void learn(ServerTime time, ServerTime asked, TimePoint now) {
    if (time < asked || time > at(now) || now - seen_at_ > believed) set(time, now);
  }
  ServerTime at(TimePoint now) const {
    return seen_ + std::chrono::duration_cast<milliseconds>(now - seen_at_);
  }

 private:
  /// Two clocks drift apart by far less than a millisecond in that time.
  static constexpr seconds believed{1};
  ServerTime seen_{};
  TimePoint seen_at_{};
};

}  // namespace pannier::policies
