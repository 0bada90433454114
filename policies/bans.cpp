#include "policies/bans.hpp"

#include "protocol/glob.hpp"

namespace pannier::policies {

void Bans::add(std::string pattern, ServerTime at, ServerTime until) {
  forget_old(at);
  std::erase_if(bans_, [&](const Ban& ban) { return ban.pattern == pattern; });
  if (bans_.size() == capacity) {
    everything_ = bans_.front().at;
    bans_.pop_front();
  }
  bans_.push_back({std::move(pattern), at, until});
}

std::optional<ServerTime> Bans::newest(std::string_view key) const {
  for (auto ban = bans_.rbegin(); ban != bans_.rend(); ++ban) {
    if (protocol::glob_matches(ban->pattern, key)) return ban->at;
  }
  return everything_;
}

void Bans::forget_old(ServerTime now) {
  while (!bans_.empty() && bans_.front().until < now) bans_.pop_front();
}

}  // namespace pannier::policies
