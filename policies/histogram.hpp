#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "policies/time.hpp"

namespace pannier::policies {

/// Latencies in powers of two of a microsecond: cheap to add to, good enough for quantiles.
class Histogram {
 public:
  static constexpr std::size_t buckets = 26;  ///< Up to 2^24 us (16.8 s), and everything beyond.

  void add(microseconds value, std::uint64_t times = 1) {
    const auto us = value.count() > 0 ? static_cast<std::uint64_t>(value.count()) : 0;
    const auto bucket = static_cast<std::size_t>(std::bit_width(us));
    counts_[bucket < buckets ? bucket : buckets - 1] += times;
    sum_ += us * times;
    count_ += times;
  }

  /// Observations in bucket i, whose values are below limit(i).
  std::uint64_t count(std::size_t i) const { return counts_[i]; }
  static constexpr microseconds limit(std::size_t i) { return microseconds(std::int64_t{1} << i); }
  std::uint64_t total() const { return count_; }
  microseconds sum() const { return microseconds(static_cast<std::int64_t>(sum_)); }

  /// The upper limit of the bucket in which that share of all observations is reached; 0 if empty.
  microseconds quantile(double share) const {
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets; ++i) {
      seen += counts_[i];
      if (count_ > 0 && static_cast<double>(seen) >= share * static_cast<double>(count_)) {
        return limit(i);
      }
    }
    return microseconds(0);
  }

 private:
  std::array<std::uint64_t, buckets> counts_{};
  std::uint64_t sum_ = 0, count_ = 0;
};

}  // namespace pannier::policies
