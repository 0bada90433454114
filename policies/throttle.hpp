#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>

#include "policies/time.hpp"

namespace pannier::policies {

/// Keys for which something was tried in vain and is not to be tried again for a while. Bounded: a
/// full table forgets what is over, or else everything, which costs a try more.
class Throttle {
 public:
  static constexpr std::size_t capacity = 10'000;

  void hold(const std::string& key, TimePoint now, TimePoint until) {
    if (keys_.size() >= capacity) {
      std::erase_if(keys_, [now](const auto& entry) { return entry.second <= now; });
      if (keys_.size() >= capacity) keys_.clear();
    }
    keys_[key] = until;
  }
  bool holds(const std::string& key, TimePoint now) const {
    if (keys_.empty()) return false;
    const auto at = keys_.find(key);
    return at != keys_.end() && now < at->second;
  }
  /// It was done after all.
  void release(const std::string& key) {
    if (!keys_.empty()) keys_.erase(key);
  }

 private:
  std::unordered_map<std::string, TimePoint> keys_;
};

}  // namespace pannier::policies
