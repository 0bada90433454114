#include "policies/replay_guard.hpp"

namespace pannier::policies {

ReplayGuard::Finding ReplayGuard::take(std::string_view signature, ServerTime sent, ServerTime now,
                                       milliseconds window) {
  forget(now);
  if (sent < now - window || sent > now + window) return Finding::outside_window;
  std::string name(signature);
  if (used_.contains(name)) return Finding::replayed;
  if (used_.size() >= most_) return Finding::full;
  // `sent` may lie ahead by a window, and is believed until a window after that.
  in_order_.push_back({name, now + 2 * window});
  used_.insert(std::move(name));
  return Finding::fine;
}

void ReplayGuard::forget(ServerTime now) {
  while (!in_order_.empty() && in_order_.front().until < now) {
    used_.erase(in_order_.front().signature);
    in_order_.pop_front();
  }
}

}  // namespace pannier::policies
