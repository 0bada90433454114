#include "policies/open_misses.hpp"

namespace pannier::policies {

void OpenMisses::add(std::string_view key, ServerTime at, TimePoint now) {
  forget_old(now);
  if (const auto found = index_.find(key); found != index_.end()) {
    ++found->second->open;
    return;
  }
  if (entries_.size() == capacity) {
    drop_front();
    ++dropped_;
  }
  entries_.push_back({std::string(key), {at, now}, 1});
  index_.emplace(entries_.back().key, std::prev(entries_.end()));
}

std::optional<OpenMisses::Miss> OpenMisses::take(std::string_view key, TimePoint now) {
  forget_old(now);
  const auto found = index_.find(key);
  if (found == index_.end()) return std::nullopt;
  const auto entry = found->second;
  const auto miss = entry->miss;
  if (--entry->open == 0) {
    index_.erase(found);
    entries_.erase(entry);
  }
  return miss;
}

void OpenMisses::forget_old(TimePoint now) {
  while (!entries_.empty() && entries_.front().miss.told + hold < now) drop_front();
}

void OpenMisses::drop_front() {
  index_.erase(entries_.front().key);
  entries_.pop_front();
}

}  // namespace pannier::policies
