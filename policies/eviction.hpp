#pragma once

#include <cstddef>
#include <cstdint>

#include "policies/eviction_lists.hpp"
#include "policies/rehearsal.hpp"

namespace pannier::policies {

/// Which entry of a cache goes when room is needed: never much worse than LRU, and better where the
/// workload allows.
///
/// No policy is best at everything. On one real trace two queues leave 6 % fewer misses than LRU
/// with room for a tenth of all objects, and 16 % more with a thousandth. So both rehearse what
/// goes on, in small caches of hashes only on a sample of the keys, and the entries are under the
/// one that misses less there ("set dueling", Qureshi et al., ISCA '07).
///
/// What the other one would have spared since the last change is the `regret`. A change is due
/// when it reaches a sixteenth of the capacity: so little that a workload made for LRU costs
/// hardly more under two queues, and more than a change itself costs. What the present policy has
/// spared counts against it, up to half the capacity: one that did well for long is not given up
/// for one bad moment.
class Eviction {
 public:
  using Id = EvictionLists::Id;
  using Policy = EvictionLists::Policy;

  /// A new entry in a cache that has room for `capacity` ones at present, as far as one can tell.
  void push_back(std::uint64_t hash, std::size_t capacity);
  void use(Id id, std::uint64_t hash) {
    lists_.use(id);
    if ((hash & not_sampled_) == 0) rehearse(hash);
  }
  /// Removes an entry; the last one gets its number.
  void erase(Id id) { lists_.erase(id); }
  /// Who goes next. REQUIRES: there is an entry.
  Id victim() { return lists_.victim(); }
  /// The same as erase(), for want of room.
  void evict(Id id, std::uint64_t hash) { lists_.evict(id, hash); }
  /// The cache has another size from now on: what was learnt was about the old one.
  void forget();
  void clear();

  Policy policy() const { return lists_.policy(); }
  std::size_t size() const { return lists_.size(); }
  /// What it takes from the heap.
  std::size_t bytes() const { return lists_.bytes() + two_queues_.bytes() + lru_.bytes(); }

 private:
  static constexpr std::uint64_t all_bits = ~std::uint64_t{0};

  void rehearse(std::uint64_t hash);
  void sample(std::size_t capacity);

  EvictionLists lists_{Policy::two_queues};
  Rehearsal two_queues_{Policy::two_queues}, lru_{Policy::lru};
  std::uint64_t not_sampled_ = all_bits;  ///< Hashes of the sample have none of these.
  std::int64_t capacity_ = 0;             ///< Of a rehearsal.
  std::int64_t regret_ = 0;               ///< In misses of a rehearsal.
};

}  // namespace pannier::policies
