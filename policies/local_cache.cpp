#include "policies/local_cache.hpp"

namespace pannier::policies {
LocalCache::LocalCache(std::size_t) {}
std::optional<LocalCache::Copy> LocalCache::find(std::uint32_t db, std::string_view key,
                                                 std::string_view question, TimePoint now) {
  const auto at = entries_.find({db, std::string(key)});
  if (at == entries_.end() || at->second.deadline <= now || at->second.stamp < smallest_)
    return std::nullopt;
  const auto reply = at->second.replies.find(question);
  if (reply == at->second.replies.end()) return std::nullopt;
  return Copy{reply->second, at->second.stamp};
}
bool LocalCache::store(std::uint32_t db, std::string_view key, std::string_view question,
                       std::string_view reply, std::uint32_t stamp, TimePoint deadline,
                       TimePoint now) {
  if (deadline <= now) return false;
  auto [at, fresh] = entries_.try_emplace({db, std::string(key)}, Entry{{}, stamp, deadline});
  if (!fresh && (at->second.stamp < smallest_ || at->second.deadline <= now))
    at->second = {{}, stamp, deadline};
  auto& entry = at->second;
  entry.stamp = std::min(entry.stamp, stamp);
  entry.deadline = std::min(entry.deadline, deadline);
  entry.replies[std::string(question)] = reply;
  return true;
}
bool LocalCache::erase(std::uint32_t db, std::string_view key) {
  return entries_.erase({db, std::string(key)}) > 0;
}
void LocalCache::erase_everywhere(std::string_view key) {
  std::erase_if(entries_, [&](const auto& entry) { return entry.first.second == key; });
}
void LocalCache::outdate(std::uint32_t smallest) { smallest_ = smallest; }
void LocalCache::clear() { entries_.clear(); }
void LocalCache::sweep(TimePoint now, std::size_t) {
  std::erase_if(entries_, [&](const auto& entry) {
    return entry.second.deadline <= now || entry.second.stamp < smallest_;
  });
}
void LocalCache::resize(std::size_t) {}
std::size_t LocalCache::size() const { return entries_.size(); }
std::size_t LocalCache::bytes() const { return entries_.size() * 100; }
std::uint64_t LocalCache::evictions() const { return 0; }
}  // namespace pannier::policies
