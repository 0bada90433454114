#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace bench_load {

/// Counts durations in buckets that grow with the duration: 32 per power of two, so a percentile
/// is at most 3 % above the truth, in 15 KiB, whatever the range.
class Histogram {
 public:
  void add(std::uint64_t nanoseconds) {
    ++buckets_[bucket(nanoseconds)];
    ++total_;
  }

  void clear() { *this = {}; }

  /// The duration in nanoseconds below which a `share` (0 to 1) of all lie; 0 when there are none.
  std::uint64_t percentile(double share) const {
    const auto wanted = static_cast<std::uint64_t>(share * static_cast<double>(total_));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size(); ++i) {
      seen += buckets_[i];
      if (seen > wanted) return upper_bound(i);
    }
    return 0;
  }

 private:
  static constexpr unsigned bits = 5;
  static constexpr std::uint64_t steps = 1u << bits;

  /// Below steps each duration has its own bucket; above, its highest bits + 1 bits choose.
  static std::size_t bucket(std::uint64_t value) {
    if (value < steps) return value;
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - bits - 1;
    return (shift + 1) * steps + ((value >> shift) - steps);
  }

  static std::uint64_t upper_bound(std::size_t index) {
    if (index < steps) return index;
    const auto shift = index / steps - 1;
    return ((index % steps + steps + 1) << shift) - 1;
  }

  std::array<std::uint64_t, (64 - bits + 1) * steps> buckets_{};
  std::uint64_t total_ = 0;
};

}  // namespace bench_load
