#pragma once

#include <cstdint>
#include <list>
#include <unordered_map>
#include <vector>

#include "policies/eviction.hpp"

/// A cache of numbers, all of one size, with the eviction of the local cache.
class UnitCache {
 public:
  using Eviction = pannier::policies::Eviction;

  explicit UnitCache(std::size_t capacity) : capacity_(capacity) {}

  static std::uint64_t hash(std::uint64_t key) {
    key = (key ^ key >> 33) * 0xff51'afd7'ed55'8ccd;
    key = (key ^ key >> 33) * 0xc4ce'b9fe'1a85'ec53;
    return key ^ key >> 33;
  }

  /// \returns whether it was there; it is from then on.
  bool ask(std::uint64_t key) {
    const auto [place, is_new] = ids_.try_emplace(key, static_cast<Eviction::Id>(keys_.size()));
    if (!is_new) {
      eviction_.use(place->second, hash(key));
      return true;
    }
    keys_.push_back(key);
    eviction_.push_back(hash(key), capacity_);
    if (keys_.size() > capacity_) evict();
    return false;
  }
  bool has(std::uint64_t key) const { return ids_.contains(key); }
  const Eviction& eviction() const { return eviction_; }

 private:
  void evict() {
    const Eviction::Id id = eviction_.victim();
    eviction_.evict(id, hash(keys_[id]));
    ids_.erase(keys_[id]);
    if (id + 1 != keys_.size()) {
      keys_[id] = keys_.back();
      ids_[keys_[id]] = id;
    }
    keys_.pop_back();
  }

  std::size_t capacity_;
  Eviction eviction_;
  std::vector<std::uint64_t> keys_;  ///< By id.
  std::unordered_map<std::uint64_t, Eviction::Id> ids_;
};

/// The plainest LRU cache.
class LruCache {
 public:
  explicit LruCache(std::size_t capacity) : capacity_(capacity) {}

  bool ask(std::uint64_t key) {
    const auto place = places_.find(key);
    if (place != places_.end()) {
      order_.splice(order_.begin(), order_, place->second);
      return true;
    }
    if (order_.size() == capacity_) {
      places_.erase(order_.back());
      order_.pop_back();
    }
    order_.push_front(key);
    places_[key] = order_.begin();
    return false;
  }

 private:
  std::size_t capacity_;
  std::list<std::uint64_t> order_;
  std::unordered_map<std::uint64_t, std::list<std::uint64_t>::iterator> places_;
};
