#pragma once

#include <cstddef>
#include <cstdint>
#include <istream>
#include <limits>
#include <vector>

namespace bench_evict {

/// What was asked for, in order. Keys are numbered from 0 as they come.
struct Trace {
  using Key = std::uint32_t;
  static constexpr std::size_t never = std::numeric_limits<std::size_t>::max();

  std::vector<Key> requests;
  std::vector<std::uint32_t> sizes;  ///< By key: its first one in bytes; 0 when it has none.

  std::size_t keys() const { return sizes.size(); }
  bool has_sizes() const;
  /// For each request the place of the next one for the same key, or `never`.
  std::vector<std::size_t> next_uses() const;
};

/// Reads lines `t_ms,op,key,size,ttl_s,tag`, of which the first is a header. Reads and block writes
/// are requests; what only invalidates is not.
/// \throws std::runtime_error about a line that cannot be read.
Trace read_trace(std::istream& in);

}  // namespace bench_evict
