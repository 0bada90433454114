#include "policies/bans.hpp"

#include <algorithm>

#include "protocol/glob.hpp"

namespace pannier::policies {

void Bans::add(std::string pattern, ServerTime at, ServerTime until) {
  forget_old(at);
  std::erase_if(bans_, [&](const Ban& ban) {
    if (ban.pattern != pattern) return false;
    at = std::max(at, ban.at);
    until = std::max(until, ban.until);
    return true;
  });
  if (bans_.size() == capacity) {
    everything_ = std::max(everything_.value_or(bans_.front().at), bans_.front().at);
    everything_until_ = std::max(everything_until_, bans_.front().until);
    bans_.pop_front();
  }
  // Mostly at the end; two databases may tell their times out of order.
  const auto place =
      std::upper_bound(bans_.begin(), bans_.end(), at,
                       [](ServerTime time, const Ban& ban) { return time < ban.at; });
  bans_.insert(place, {std::move(pattern), at, until});
}

std::optional<ServerTime> Bans::newest(std::string_view key) const {
  for (auto ban = bans_.rbegin(); ban != bans_.rend(); ++ban) {
    if (everything_ && ban->at <= *everything_) break;
    if (protocol::glob_matches(ban->pattern, key)) return ban->at;
  }
  return everything_;
}

void Bans::forget_old(ServerTime now) {
  while (!bans_.empty() && bans_.front().until < now) bans_.pop_front();
  if (everything_until_ < now) everything_.reset();
}

}  // namespace pannier::policies
