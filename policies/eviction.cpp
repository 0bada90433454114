#include "policies/eviction.hpp"

#include <algorithm>

namespace pannier::policies {
namespace {

/// Entries of a rehearsal. Half of the most judge as well on all traces, so chance has no say; a
/// quarter of a small cache keeps what both take below a tenth of it. Below the least chance rules.
constexpr std::size_t least_entries = 64, most_entries = 512, entries_share = 4;
static_assert(most_entries * 5 / 4 <= Rehearsal::most_capacity);

/// Regret at which the policy changes: a share of the capacity, and what chance alone may be in a
/// tiny cache. With a thirtieth of the capacity it changes to and fro on database reads; a tenth
/// costs workloads made for LRU up to 1.4 %.
constexpr std::int64_t regret_share = 16, least_regret = 4;

/// What may be counted against regret. With none of it, one burst of a minute takes the better
/// policy away for many (3 % of the misses of a real trace instead of 6 %); with all of the
/// capacity, changes of the workload are answered late.
constexpr std::int64_t merit_share = 2;

}  // namespace

void Eviction::push_back(std::uint64_t hash, std::size_t capacity) {
  sample(capacity);
  lists_.push_back(hash);
  if ((hash & not_sampled_) == 0) rehearse(hash);
}

void Eviction::rehearse(std::uint64_t hash) {
  if (capacity_ == 0) return;
  const bool two_queues_hit = two_queues_.ask(hash), lru_hit = lru_.ask(hash);
  if (two_queues_hit == lru_hit) return;
  const bool regrets = lru_hit == (policy() == Policy::two_queues);
  regret_ = std::max(-capacity_ / merit_share, regret_ + (regrets ? 1 : -1));
  if (regret_ <= capacity_ / regret_share + least_regret) return;
  lists_.set(policy() == Policy::lru ? Policy::two_queues : Policy::lru);
  regret_ = 0;
}

/// Halves the sample when a rehearsal would be too large, and doubles it when too small; with some
/// play, because all must be learnt anew then.
void Eviction::sample(std::size_t capacity) {
  const std::size_t most = std::clamp(capacity / entries_share, least_entries, most_entries);
  std::size_t rate = not_sampled_ + 1;
  if (rate == 0 || capacity / rate > most * 5 / 4 || (rate != 1 && capacity / rate < most / 4)) {
    forget();
    for (rate = 1; capacity / rate > most;) rate *= 2;
    not_sampled_ = rate - 1;
  }
  const std::size_t share = std::max<std::size_t>(1, capacity / rate);
  capacity_ = static_cast<std::int64_t>(share);
  two_queues_.fit(share);
  lru_.fit(share);
}

void Eviction::forget() {
  not_sampled_ = all_bits;
  capacity_ = 0;
  two_queues_.clear();
  lru_.clear();
  regret_ = 0;
}

void Eviction::clear() {
  lists_.clear();
  forget();
}

}  // namespace pannier::policies
