#pragma once

#include <algorithm>
#include <cstdint>

namespace pannier::policies {

/// How many reads may be asked again after their connection broke: one in ten of all, so that a
/// Redis that keeps breaking under its load gets no more of it.
class RetryBudget {
 public:
  static constexpr std::uint32_t at_first = 10, most = 100;

  /// A read was sent.
  void earn() { tenths_ = std::min(tenths_ + 1, most * 10); }

  /// \returns whether one may be sent again; then it is counted.
  bool spend() {
    if (tenths_ < 10) return false;
    tenths_ -= 10;
    return true;
  }

 private:
  std::uint32_t tenths_ = at_first * 10;
};

}  // namespace pannier::policies
