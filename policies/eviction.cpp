#include "policies/eviction.hpp"

#include <algorithm>

namespace pannier::policies {
namespace {

/// Entries of a rehearsal. Half as many judge as well on all traces; with a quarter, chance begins
/// to choose.
constexpr std::size_t most_capacity = 512;

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
  const auto capacity = static_cast<std::size_t>(capacity_);
  const bool two_queues_hit = two_queues_.ask(hash, capacity), lru_hit = lru_.ask(hash, capacity);
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
  std::size_t rate = not_sampled_ + 1;
  if (rate == 0 || capacity / rate > most_capacity * 5 / 4 ||
      (rate != 1 && capacity / rate < most_capacity / 4)) {
    for (rate = 1; capacity / rate > most_capacity;) rate *= 2;
    not_sampled_ = rate - 1;
    two_queues_.clear();
    lru_.clear();
    regret_ = 0;
  }
  capacity_ = static_cast<std::int64_t>(std::max<std::size_t>(1, capacity / rate));
}

void Eviction::clear() {
  lists_.clear();
  two_queues_.clear();
  lru_.clear();
  regret_ = 0;
}

}  // namespace pannier::policies
