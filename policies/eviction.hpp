#pragma once

#include <cstddef>
#include <cstdint>

#include "policies/chunked.hpp"

namespace pannier::policies {

/// Which entry of a cache goes when room is needed: the least recently used one.
///
/// Entries are numbered as in LocalIndex: a new one is the last one, and the last one takes the
/// place of one that goes.
class Eviction {
 public:
  using Id = std::uint32_t;

  Eviction() = default;
  Eviction(const Eviction&) = delete;
  Eviction& operator=(const Eviction&) = delete;

  void push_back(std::uint64_t hash);
  void use(Id id, std::uint64_t hash);
  /// Removes an entry; the last one gets its number.
  void erase(Id id);
  /// Who goes next. REQUIRES: there is an entry.
  Id victim();
  /// The same as erase(), for want of room.
  void evict(Id id, std::uint64_t hash);
  void clear();

  std::size_t size() const { return links_.size(); }
  std::size_t bytes() const { return links_.bytes(); }

 private:
  static constexpr Id none = ~Id{0};
  struct Link {
    Id previous, next;
  };

  void unlink(Id id);
  void link(Id id);

  Chunked<Link> links_;
  Id newest_ = none, oldest_ = none;
};

}  // namespace pannier::policies
