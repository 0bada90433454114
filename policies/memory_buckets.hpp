#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace pannier::policies {

/// Which hashes a bucket holds in a hash table of `buckets` buckets, any number that is not 0.
///
/// With a power of two, bucket b holds the hashes that end in b. One more bucket takes from one
/// that is there the half of its hashes that has a 1 before those bits.
class MemoryBuckets {
 public:
  explicit MemoryBuckets(std::size_t buckets) : buckets_(buckets), half_(std::bit_floor(buckets)) {}

  std::size_t of(std::uint64_t hash) const {
    const std::size_t bucket = hash & (2 * half_ - 1);
    return bucket < buckets_ ? bucket : hash & (half_ - 1);
  }

  /// The bucket that one more bucket takes from.
  std::size_t partner() const { return buckets_ - half_; }

  /// The bucket behind the one of `cursor`, in the order of the hashes read backwards; 0 at the
  /// end. Any two numbers of buckets have the same order, so a scan that goes on in a table that
  /// has grown or shrunk still passes by all the hashes it has not seen.
  std::uint64_t after(std::uint64_t cursor) const {
    const std::size_t bucket = of(cursor);
    const bool split = bucket < partner() || bucket >= half_;
    const std::uint64_t lowest_ignored = split ? 2 * half_ : half_;
    return reversed(reversed(cursor | ~(lowest_ignored - 1)) + 1);
  }

 private:
  static std::uint64_t reversed(std::uint64_t bits) {
    std::uint64_t result = 0;
    for (int i = 0; i < 64; ++i) result = result << 1 | (bits >> i & 1);
    return result;
  }

  std::size_t buckets_;
  std::size_t half_;  ///< The largest power of two that is not more.
};

}  // namespace pannier::policies
