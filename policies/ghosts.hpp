#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>

namespace pannier::policies {

/// Remembers which entries were evicted lately, by 16 bits of their hashes.
///
/// A hash table of buckets of eight, each of 4 bytes; a new ghost takes the place of the oldest in
/// its bucket. About one look-up of a stranger in 10,000 finds a ghost.
class Ghosts {
 public:
  /// From now on the last `entries` ones are remembered; all are forgotten when that is much more
  /// or much less than before.
  void fit(std::size_t entries);
  /// REQUIRES: fit() has been called.
  void add(std::uint64_t hash);
  /// Forgets it. \returns whether it was among those to be remembered.
  bool take(std::uint64_t hash);
  void clear() { *this = {}; }

  /// What it takes from the heap.
  std::size_t bytes() const;
  /// What it takes when it is told to fit that many.
  static std::size_t bytes_for(std::size_t entries);

 private:
  struct Free {
    void operator()(std::uint32_t* table) const { std::free(table); }
  };
  static constexpr std::size_t ways = 8;

  std::span<std::uint32_t, ways> bucket(std::uint64_t hash);
  std::uint32_t now() const { return static_cast<std::uint32_t>(added_ / unit_) & 0xffff; }
  std::uint32_t age(std::uint32_t ghost) const { return (now() - ghost) & 0xffff; }
  bool remembered(std::uint32_t ghost) const { return age(ghost) * unit_ < entries_; }

  /// Ghosts: 16 bits of the hash, never 0, and 16 of the time; 0 is none. From calloc(), so that
  /// the kernel clears a large table piece by piece as it is used, and no call waits for that.
  std::unique_ptr<std::uint32_t[], Free> table_;
  std::size_t entries_ = 0;  ///< To be remembered.
  std::size_t room_ = 0;     ///< That the table was made for.
  std::size_t buckets_ = 0;
  std::uint64_t added_ = 0;
  std::uint64_t unit_ = 1;  ///< Of time, in ghosts.
};

}  // namespace pannier::policies
