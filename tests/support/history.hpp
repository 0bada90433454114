#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "policies/time.hpp"

namespace pannier::tests {

/// What Redis came to hold under each key, in the order in which it executed the writes: the truth
/// that a simulation compares replies with. No value is ever written twice.
class History {
 public:
  using Name = std::pair<std::uint32_t, std::string>;  ///< Database and key.
  struct Place {
    Name name;
    std::size_t rank;  ///< Larger is newer.
  };

  /// A command touched the key, which now holds `value`, or nothing.
  void note(const Name& name, const std::optional<std::string>& value, policies::TimePoint at) {
    auto& key = keys_[name];
    if (key.now == value) return;
    if (!key.now) key.last_absent = at;
    key.now = value;
    if (value) places_.emplace(*value, Place{name, key.changed.size()});
    key.changed.push_back(at);
  }

  /// Where a value was; null when Redis never had it.
  const Place* find(const std::string& value) const {
    const auto at = places_.find(value);
    return at == places_.end() ? nullptr : &at->second;
  }
  /// Every value of the key so far has a smaller rank.
  std::size_t changes(const Name& name) const {
    const auto at = keys_.find(name);
    return at == keys_.end() ? 0 : at->second.changed.size();
  }
  /// When a value was replaced by the next one, or nothing while it is there.
  std::optional<policies::TimePoint> ended(const Place& place) const {
    const auto& changed = keys_.at(place.name).changed;
    if (place.rank + 1 >= changed.size()) return std::nullopt;
    return changed[place.rank + 1];
  }
  /// Whether the key held nothing at some moment from `since` on.
  bool was_absent(const Name& name, policies::TimePoint since) const {
    const auto at = keys_.find(name);
    return at == keys_.end() || !at->second.now || at->second.last_absent >= since;
  }

 private:
  struct Key {
    std::optional<std::string> now;
    policies::TimePoint last_absent{};  ///< Until then it held nothing.
    std::vector<policies::TimePoint> changed;
  };
  std::map<Name, Key> keys_;
  std::unordered_map<std::string, Place> places_;
};

}  // namespace pannier::tests
