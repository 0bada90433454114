#include "policies/hot_keys.hpp"

#include <algorithm>
#include <tuple>

namespace pannier::policies {

void HotKeys::note(std::string_view key) {
  if (const auto at = counts_.find(key); at != counts_.end()) {
    ++at->second;
    return;
  }
  if (counts_.size() >= capacity) {
    for (auto& [name, count] : counts_) count /= 2;
    std::erase_if(counts_, [](const auto& entry) { return entry.second == 0; });
    if (counts_.size() >= capacity) return;
  }
  counts_.emplace(key, 1);
}

void HotKeys::forget(std::string_view key) {
  if (const auto at = counts_.find(key); at != counts_.end()) counts_.erase(at);
}

std::vector<std::string> HotKeys::top(std::size_t most) const {
  std::vector<std::pair<std::uint64_t, std::string_view>> all;
  for (const auto& [key, count] : counts_) all.emplace_back(count, key);
  const auto end = all.begin() + static_cast<std::ptrdiff_t>(std::min(most, all.size()));
  std::partial_sort(all.begin(), end, all.end(), [](const auto& a, const auto& b) {
    return std::tie(b.first, a.second) < std::tie(a.first, b.second);
  });
  std::vector<std::string> keys;
  for (auto at = all.begin(); at != end; ++at) keys.emplace_back(at->second);
  return keys;
}

}  // namespace pannier::policies
