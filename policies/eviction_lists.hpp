#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "policies/chunked.hpp"
#include "policies/ghosts.hpp"

namespace pannier::policies {

/// Which entry of a cache goes when room is needed, under one of two policies.
///
///              new            a ghost returns
///               |                    |
///               v                    v
///      [ entrance: a queue ]   [ main: CLOCK ] --- unused: gone
///               |      |  while main  ^    | used: once more around
///               |      `- is not full-'<---'
///               v
///             ghosts (hashes only)
///
/// `two_queues` is 2Q (Johnson and Shasha, VLDB '94) with a CLOCK that counts to three in the place
/// of its LRU: what is used only within a short time never gets into the main part, so a scan
/// passes by, and what returns later stays. `lru` makes the entrance all there is, ordered by use.
///
/// Entries are numbered as in LocalIndex: a new one is the last one, and the last one takes the
/// place of one that goes. All calls take constant time.
class EvictionLists {
 public:
  using Id = std::uint32_t;
  enum class Policy : std::uint8_t { two_queues, lru };

  explicit EvictionLists(Policy policy) : policy_(policy) {}
  EvictionLists(const EvictionLists&) = delete;
  EvictionLists& operator=(const EvictionLists&) = delete;

  Policy policy() const { return policy_; }
  /// Changes the policy; entries come to be where they belong little by little, as others go.
  void set(Policy policy) { policy_ = policy; }

  void push_back(std::uint64_t hash);
  void use(Id id);
  /// Removes an entry; the last one gets its number.
  void erase(Id id);
  /// Who goes next. REQUIRES: there is an entry.
  Id victim();
  /// The same as erase(), for want of room: a return of that hash is noticed.
  void evict(Id id, std::uint64_t hash);
  void clear();

  std::size_t size() const { return links_.size(); }
  /// What it takes from the heap, ghosts included before there are any: they must not be a step
  /// when the first entry is evicted.
  std::size_t bytes() const {
    return links_.bytes() + std::max(ghosts_.bytes(), Ghosts::bytes_for(size()));
  }
  /// What it takes at most while there are no more than that many entries.
  static std::size_t most_bytes(std::size_t entries) {
    return Chunked<Link>::most_bytes(entries) + Ghosts::bytes_for(entries);
  }

 private:
  static constexpr Id none = (Id{1} << 30) - 1;
  static constexpr std::uint32_t most_uses = 3;

  /// 8 bytes; 2^30 entries are more than fit into 100 GiB.
  struct Link {
    Id newer : 30 = none;
    Id uses : 2 = 0;
    Id older : 30 = none;
    Id in_main : 2 = 0;
  };
  struct List {
    Id newest = none, oldest = none;
    std::size_t size = 0;
  };

  List& list_of(const Link& link) { return link.in_main != 0 ? main_ : entrance_; }
  void set_newer(List& list, Id id, Id newer);
  void set_older(List& list, Id id, Id older);
  void link(Id id, List& list);
  void unlink(Id id);
  void move(Id id, List& list);
  Id victim_of_two_queues();
  Id victim_of_main();

  Policy policy_;
  Chunked<Link> links_;
  List entrance_, main_;
  Ghosts ghosts_;
};

}  // namespace pannier::policies
