#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "policies/eviction_lists.hpp"

namespace pannier::policies {

/// A small cache of hashes only, that tells what would be missed under a policy.
class Rehearsal {
 public:
  using Policy = EvictionLists::Policy;

  explicit Rehearsal(Policy policy) : lists_(policy) {}

  /// Somebody asks for that key in a cache of that many entries. \returns whether it is there.
  bool ask(std::uint64_t hash, std::size_t capacity);
  void clear();

  /// What it takes from the heap.
  std::size_t bytes() const;

 private:
  using Id = EvictionLists::Id;
  static constexpr Id none = ~Id{0};

  struct Slot {
    std::uint32_t key;
    Id next;  ///< In the same bucket.
  };

  Id& bucket(std::uint32_t key);
  Id& link_to(Id id);
  void evict();

  EvictionLists lists_;
  std::vector<Slot> slots_;
  std::vector<Id> buckets_;  ///< The first of each; made when first asked.
};

}  // namespace pannier::policies
