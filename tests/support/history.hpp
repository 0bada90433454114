#pragma once

#include <algorithm>
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
    std::size_t rank;             ///< Larger is newer.
    policies::TimePoint expires;  ///< At the latest, whatever became of it since.
  };

  /// A command touched the key, which now holds `value`, or nothing, and will until `expires`.
  void note(const Name& name, const std::optional<std::string>& value, policies::TimePoint at,
            policies::TimePoint expires = policies::TimePoint::max()) {
    auto& key = keys_[name];
    if (const auto place = value ? places_.find(*value) : places_.end(); place != places_.end()) {
      place->second.expires = std::max(place->second.expires, expires);
    }
    key.expires = expires;
    if (key.now == value) return;
    if (!key.now) key.last_absent = at;
    key.now = value;
    if (value) places_.emplace(*value, Place{name, key.changed.size(), expires});
    key.changed.push_back(at);
    key.order.push_back(++changes_);
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
  /// As the how manyth of all changes it came, and was replaced; the largest while it is there.
  std::pair<std::uint64_t, std::uint64_t> span(const Place& place) const {
    const auto& order = keys_.at(place.name).order;
    const bool is_last = place.rank + 1 >= order.size();
    return {order[place.rank], is_last ? ~std::uint64_t{0} : order[place.rank + 1]};
  }
  /// When a value was replaced by the next one, or nothing while it is there.
  std::optional<policies::TimePoint> ended(const Place& place) const {
    const auto& changed = keys_.at(place.name).changed;
    if (place.rank + 1 >= changed.size()) return std::nullopt;
    return changed[place.rank + 1];
  }
  /// Whether the key held nothing at some moment from `since` on, or will in a moment from `now`
  /// on.
  bool was_absent(const Name& name, policies::TimePoint since, policies::TimePoint now) const {
    const auto at = keys_.find(name);
    if (at == keys_.end() || !at->second.now || at->second.last_absent >= since) return true;
    return at->second.expires <= now + policies::milliseconds(5);
  }

 private:
  struct Key {
    std::optional<std::string> now;
    policies::TimePoint expires{};      ///< What it holds now, as far as is known.
    policies::TimePoint last_absent{};  ///< Until then it held nothing.
    std::vector<policies::TimePoint> changed;
    std::vector<std::uint64_t> order;
  };
  std::map<Name, Key> keys_;
  std::uint64_t changes_ = 0;
  std::unordered_map<std::string, Place> places_;
};

}  // namespace pannier::tests
