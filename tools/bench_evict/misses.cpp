#include "tools/bench_evict/misses.hpp"

#include <xxhash.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "policies/eviction.hpp"
#include "tools/bench_evict/lru_list.hpp"

namespace bench_evict {
namespace {

using Key = Trace::Key;

double share(std::size_t misses, const Trace& trace) {
  return static_cast<double>(misses) /
         static_cast<double>(std::max<std::size_t>(1, trace.requests.size()));
}

std::uint64_t hash(Key key) { return XXH3_64bits(&key, sizeof key); }

}  // namespace

double lru_misses(const Trace& trace, std::size_t capacity) {
  LruList list(trace.keys());
  std::size_t misses = 0;
  for (const Key key : trace.requests) {
    if (list.use(key)) continue;
    ++misses;
    if (list.size() == capacity) list.drop_oldest();
    list.add(key);
  }
  return share(misses, trace);
}

double our_misses(const Trace& trace, std::size_t capacity) {
  using Id = pannier::policies::Eviction::Id;
  constexpr Id none = ~Id{0};
  pannier::policies::Eviction eviction;
  std::vector<Id> ids(trace.keys(), none);
  std::vector<Key> entries;  // By id, as in LocalIndex.
  std::size_t misses = 0;
  for (const Key key : trace.requests) {
    if (ids[key] != none) {
      eviction.use(ids[key], hash(key));
      continue;
    }
    ++misses;
    ids[key] = static_cast<Id>(entries.size());
    entries.push_back(key);
    eviction.push_back(hash(key), capacity);
    if (entries.size() <= capacity) continue;
    const Id victim = eviction.victim();
    eviction.evict(victim, hash(entries[victim]));
    ids[entries[victim]] = none;
    if (victim + 1 != entries.size()) {
      entries[victim] = entries.back();
      ids[entries[victim]] = victim;
    }
    entries.pop_back();
  }
  return share(misses, trace);
}

double best_misses(const Trace& trace, std::size_t capacity) {
  const std::vector<std::size_t> next = trace.next_uses();
  std::vector<std::size_t> next_of(trace.keys());
  std::vector<bool> kept(trace.keys());
  std::set<std::pair<std::size_t, Key>> by_next;
  std::size_t misses = 0;
  for (std::size_t i = 0; i < next.size(); ++i) {
    const Key key = trace.requests[i];
    if (kept[key]) {
      by_next.erase({next_of[key], key});
    } else {
      ++misses;
      if (by_next.size() == capacity) {
        const auto furthest = std::prev(by_next.end());
        kept[furthest->second] = false;
        by_next.erase(furthest);
      }
    }
    kept[key] = true;
    next_of[key] = next[i];
    by_next.emplace(next[i], key);
  }
  return share(misses, trace);
}

}  // namespace bench_evict
