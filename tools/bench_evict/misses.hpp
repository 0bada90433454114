#pragma once

#include <cstddef>

#include "tools/bench_evict/trace.hpp"

namespace bench_evict {

// The share of requests that miss in a cache that has room for `capacity` entries, all of one size.

double lru_misses(const Trace& trace, std::size_t capacity);
/// With the eviction of pannier's local cache.
double our_misses(const Trace& trace, std::size_t capacity);
/// With knowledge of the future: the entry goes whose next use is furthest away (Belady, 1966). No
/// policy can have fewer misses.
double best_misses(const Trace& trace, std::size_t capacity);

// The same with room for `budget` bytes, every key with its size, and the overhead of pannier's
// local cache counted for both.

double lru_misses_in_bytes(const Trace& trace, std::size_t budget);
/// In pannier's local cache.
double our_misses_in_bytes(const Trace& trace, std::size_t budget);
/// What the local cache takes for all keys of the trace that it keeps at all.
std::size_t footprint(const Trace& trace);

}  // namespace bench_evict
