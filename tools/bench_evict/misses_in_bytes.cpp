#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "policies/heap_block.hpp"
#include "policies/local_cache.hpp"
#include "tools/bench_evict/lru_list.hpp"
#include "tools/bench_evict/misses.hpp"

namespace bench_evict {
namespace {

using pannier::policies::CachedEntry;
using pannier::policies::LocalCache;
using pannier::policies::TimePoint;

constexpr TimePoint now{};

/// What index and eviction take for an entry: 12 + 4 + 8, and ghosts.
constexpr std::size_t index_bytes = 30;

class Bytes {
 public:
  explicit Bytes(const Trace& trace)
      : trace_(trace), bytes_(*std::max_element(trace.sizes.begin(), trace.sizes.end()), 'x') {}

  std::string_view of(Trace::Key key) const {
    return std::string_view(bytes_).substr(0, trace_.sizes[key]);
  }
  bool store(LocalCache& cache, Trace::Key key) const {
    return cache.store(0, std::to_string(key), {}, of(key), 1, TimePoint::max(), now);
  }

 private:
  const Trace& trace_;
  std::string bytes_;
};

}  // namespace

std::size_t footprint(const Trace& trace) {
  LocalCache cache(std::size_t{1} << 40);
  const Bytes bytes(trace);
  for (Trace::Key key = 0; key < trace.keys(); ++key) bytes.store(cache, key);
  return cache.bytes();
}

double our_misses_in_bytes(const Trace& trace, std::size_t budget) {
  LocalCache cache(budget);
  const Bytes bytes(trace);
  std::size_t misses = 0;
  for (const Trace::Key key : trace.requests) {
    if (cache.find(0, std::to_string(key), {}, now)) continue;
    ++misses;
    bytes.store(cache, key);
  }
  return static_cast<double>(misses) / static_cast<double>(trace.requests.size());
}

double lru_misses_in_bytes(const Trace& trace, std::size_t budget) {
  LruList list(trace.keys());
  std::vector<std::size_t> costs(trace.keys());
  for (Trace::Key key = 0; key < trace.keys(); ++key) {
    costs[key] =
        index_bytes + pannier::policies::heap_block(sizeof(CachedEntry) +
                                                    std::to_string(key).size() + trace.sizes[key]);
  }
  std::size_t misses = 0, used = 0;
  for (const Trace::Key key : trace.requests) {
    if (list.use(key)) continue;
    ++misses;
    if (trace.sizes[key] > LocalCache::largest || costs[key] > budget) continue;
    while (used + costs[key] > budget) used -= costs[list.drop_oldest()];
    list.add(key);
    used += costs[key];
  }
  return static_cast<double>(misses) / static_cast<double>(trace.requests.size());
}

}  // namespace bench_evict
