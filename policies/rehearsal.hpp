#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "policies/eviction_lists.hpp"

namespace pannier::policies {

/// A small cache of hashes only, that tells what would be missed under a policy. It takes about 24
/// bytes an entry.
class Rehearsal {
 public:
  using Policy = EvictionLists::Policy;

  explicit Rehearsal(Policy policy) : lists_(policy) {}

  static constexpr std::size_t most_capacity = 1'024;

  /// From now on there is room for that many entries. REQUIRES: 0 < capacity <= most_capacity.
  void fit(std::size_t capacity);
  /// Somebody asks for that key. \returns whether it is there. REQUIRES: fit() was called.
  bool ask(std::uint64_t hash);
  void clear();

  /// What it takes from the heap at most until fit() is called again.
  std::size_t bytes() const;

 private:
  using Id = std::uint16_t;
  static constexpr Id none = 0xffff;

  struct Slot {
    std::uint32_t key;
    Id next;  ///< In the same bucket.
  };

  Id& bucket(std::uint32_t key);
  Id& link_to(Id id);
  void evict();

  EvictionLists lists_;
  std::size_t capacity_ = 0, room_ = 0;
  std::vector<Slot> slots_;
  std::vector<Id> buckets_;  ///< The first of each; a power of two.
};

}  // namespace pannier::policies
