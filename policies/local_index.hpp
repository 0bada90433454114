#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "policies/cached_entry.hpp"
#include "policies/chunked.hpp"

namespace pannier::policies {

/// The entries of the local cache, numbered 0 to size() - 1 and found by database and key.
///
/// The numbers have no gaps: the last entry takes the place of one that goes. So an entry is named
/// by four bytes in chains and lists, all can be walked by counting, and a smaller cache gives its
/// memory back. It is a hash table with chains that grows by one bucket at a time ("Linear
/// Hashing", Litwin, 1980); a growth step moves about one entry, however many there are.
///
/// A slot has the address of its entry without the lowest 4 bits, which are 0 in every block of the
/// heap, and without the upper 16, which are 0 on x86-64 and arm64; 20 bits of the hash in their
/// place mostly spare a look at a wrong entry.
class LocalIndex {
 public:
  using Id = std::uint32_t;
  static constexpr Id none = ~Id{0};

  LocalIndex() = default;
  LocalIndex(const LocalIndex&) = delete;
  LocalIndex& operator=(const LocalIndex&) = delete;
  ~LocalIndex() { clear(); }

  static std::uint64_t hash(std::uint32_t db, std::string_view key);

  /// The entry of that key, by its hash(); none when there is none.
  Id find(std::uint64_t hash, std::uint32_t db, std::string_view key) const;
  const CachedEntry& operator[](Id id) const { return *slots_[id].entry(); }

  /// Adds an entry as the last one. REQUIRES: there is none of that key.
  void push_back(std::uint64_t hash, CachedEntry::Owner entry);
  /// Removes an entry; the last one gets its number.
  void erase(Id id, std::uint64_t hash);
  /// Puts another entry of the same key in its place.
  void replace(Id id, CachedEntry::Owner entry);
  void clear();

  std::size_t size() const { return slots_.size(); }
  /// What entries and index take from the heap.
  std::size_t bytes() const { return entry_bytes_ + slots_.bytes() + buckets_.bytes(); }

 private:
  struct Slot {
    std::uint32_t low, high;  ///< Address and hash.
    Id next;                  ///< In the same bucket.

    CachedEntry* entry() const;
    bool is(std::uint64_t hash) const;
    void set(CachedEntry* entry, std::uint64_t hash);
  };

  Id& bucket(std::uint64_t hash);
  Id& link_to(Id id, std::uint64_t hash);
  std::uint64_t hash(Id id) const { return hash((*this)[id].head().db, (*this)[id].key()); }
  void add_bucket();
  void remove_bucket();
  void link(Id id, std::uint64_t hash);

  Chunked<Slot> slots_;
  Chunked<Id> buckets_;  ///< The first of each; as many as slots, but one at least.
  std::size_t entry_bytes_ = 0;
};

}  // namespace pannier::policies
