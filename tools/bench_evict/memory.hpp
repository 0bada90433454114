#pragma once

#include <cstddef>
#include <cstdint>

namespace bench_evict {

struct Filled {
  std::size_t entries = 0;
  std::size_t counted = 0;   ///< Bytes that the cache says it takes.
  std::size_t resident = 0;  ///< By which the process has grown.
  std::size_t payload = 0;   ///< Keys and values in it, without what RESP adds.
};

/// Stores `keys` different keys of 16 bytes in random order, with values of 64 bytes, or of
/// anything up to `largest` bytes when that is not 0, in a local cache of `budget` bytes; as
/// Redis sends them, like pannier does.
Filled fill(std::size_t budget, std::size_t keys, std::size_t largest);

/// CPU microseconds of the slowest single store while a cache grows to that many entries. It is
/// done three times, and of each place in the sequence the fastest counts: what interrupts us does
/// so at random.
double longest_step_us(std::size_t entries);

/// CPU nanoseconds of one find() of a key that is there, all equally often, in a cache that is full
/// with that many entries.
double find_ns(std::size_t entries, std::size_t finds);

}  // namespace bench_evict
