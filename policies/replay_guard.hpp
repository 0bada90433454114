#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_set>

#include "policies/time.hpp"

namespace pannier::policies {

/// Which signatures of webhooks have been used: each counts once inside the window in which its
/// time is believed. Bounded: when it is full of ones that could still be replayed, nothing new is
/// believed, since forgetting one would let it be replayed.
class ReplayGuard {
 public:
  explicit ReplayGuard(std::size_t most = 100'000) : most_(most) {}

  enum class Finding { fine, outside_window, replayed, full };
  /// `sent` is the time the sender gives, `now` the wall clock here, `window` how far apart they
  /// may be. What is fine is remembered.
  Finding take(std::string_view signature, ServerTime sent, ServerTime now, milliseconds window);
  std::size_t size() const { return used_.size(); }

 private:
  struct Used {
    std::string signature;
    ServerTime until;
  };
  void forget(ServerTime now);

  std::size_t most_;
  std::unordered_set<std::string> used_;
  std::deque<Used> in_order_;
};

}  // namespace pannier::policies
