#include "policies/local_cache.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "policies/heap_block.hpp"

namespace pannier::policies {
namespace {

constexpr int step_bits = 14;  ///< A step of deadlines is 2^14 microseconds.

/// What eviction looks at to find entries that are over or outdated before valid ones go.
constexpr std::size_t swept_at_eviction = 4, swept_after_outdate = 256;

}  // namespace

LocalCache::LocalCache(std::size_t max_bytes) : max_bytes_(max_bytes) {}

std::uint32_t LocalCache::step_of(TimePoint deadline) const {
  if (deadline <= *start_) return 0;
  const auto since = static_cast<std::uint64_t>(deadline.time_since_epoch().count()) -
                     static_cast<std::uint64_t>(start_->time_since_epoch().count());
  return static_cast<std::uint32_t>(
      std::min<std::uint64_t>(since >> step_bits, std::numeric_limits<std::uint32_t>::max()));
}

bool LocalCache::is_over(const CachedEntry& entry, TimePoint now) const {
  const microseconds after(std::int64_t{entry.deadline()} << step_bits);
  return entry.stamp() < smallest_stamp_ || *start_ + after <= now;
}

std::optional<LocalCache::Copy> LocalCache::find(std::uint32_t db, std::string_view key,
                                                 std::string_view question, TimePoint now) {
  const std::uint64_t hash = LocalIndex::hash(db, key);
  const Id id = index_.find(hash, db, key);
  if (id == LocalIndex::none) return std::nullopt;
  const CachedEntry& entry = index_[id];
  if (is_over(entry, now)) return std::nullopt;
  const auto reply = entry.reply(question);
  if (!reply) return std::nullopt;
  eviction_.use(id, hash);
  return Copy{*reply, entry.stamp()};
}

std::optional<LocalCache::Kept> LocalCache::look(std::uint32_t db, std::string_view key) const {
  const Id id = index_.find(LocalIndex::hash(db, key), db, key);
  if (id == LocalIndex::none || !index_[id].reply({})) return std::nullopt;
  const microseconds after(std::int64_t{index_[id].deadline()} << step_bits);
  return Kept{*start_ + after, index_[id].stamp()};
}

bool LocalCache::store(std::uint32_t db, std::string_view key, std::string_view question,
                       std::string_view reply, std::uint32_t stamp, TimePoint deadline,
                       TimePoint now) {
  if (!start_) start_ = now;
  if (db > CachedEntry::largest_db || key.size() > CachedEntry::largest_key) return false;
  if (question.size() > largest || reply.size() > largest) return false;
  CachedEntry::Head head{db, key, step_of(deadline), stamp};
  const std::uint64_t hash = LocalIndex::hash(db, key);
  Id id = index_.find(hash, db, key);
  CachedEntry::Owner entry;
  if (id != LocalIndex::none && !is_over(index_[id], now) && index_[id].has_other(question)) {
    head.deadline = std::min(head.deadline, index_[id].deadline());
    head.stamp = std::min(head.stamp, index_[id].stamp());
    entry = CachedEntry::make(head, question, reply, index_[id], largest);
  } else {
    entry = CachedEntry::make(head, question, reply);
  }
  if (is_over(*entry, now)) return false;
  if (id != LocalIndex::none) {
    index_.replace(id, std::move(entry));
    eviction_.use(id, hash);
  } else {
    note(db);
    id = static_cast<Id>(index_.size());
    index_.push_back(hash, std::move(entry));
    eviction_.push_back(hash, capacity());
  }
  const std::uint64_t evictions = evictions_;
  fit(now);
  return evictions == evictions_ || index_.find(hash, db, key) != LocalIndex::none;
}

std::size_t LocalCache::capacity() const {
  return static_cast<std::size_t>(static_cast<double>(index_.size()) *
                                  static_cast<double>(max_bytes_) / static_cast<double>(bytes()));
}

bool LocalCache::holds(std::uint32_t db, std::string_view key, std::uint32_t smallest_stamp,
                       TimePoint now) const {
  const Id id = index_.find(LocalIndex::hash(db, key), db, key);
  return id != LocalIndex::none && index_[id].stamp() >= smallest_stamp &&
         !is_over(index_[id], now);
}

void LocalCache::note(std::uint32_t db) {
  const auto number = static_cast<std::uint16_t>(db);
  if (std::find(databases_.begin(), databases_.end(), number) == databases_.end()) {
    databases_.push_back(number);
  }
}

void LocalCache::fit(TimePoint now) {
  while (bytes() > max_bytes_ && index_.size() != 0) {
    sweep(now, unswept_ != 0 ? swept_after_outdate : swept_at_eviction);
    if (bytes() > max_bytes_ && index_.size() != 0) evict();
  }
  if (bytes() > max_bytes_) clear();  // What is left is room for entries, but for none of them.
}

void LocalCache::evict() {
  const Id id = eviction_.victim();
  const std::uint64_t hash = LocalIndex::hash(index_[id].head().db, index_[id].key());
  eviction_.evict(id, hash);
  index_.erase(id, hash);
  ++evictions_;
}

void LocalCache::erase(Id id) {
  index_.erase(id, LocalIndex::hash(index_[id].head().db, index_[id].key()));
  eviction_.erase(id);
}

bool LocalCache::erase(std::uint32_t db, std::string_view key) {
  const Id id = index_.find(LocalIndex::hash(db, key), db, key);
  if (id == LocalIndex::none) return false;
  erase(id);
  return true;
}

void LocalCache::erase_everywhere(std::string_view key) {
  for (const std::uint16_t db : databases_) erase(db, key);
}

void LocalCache::outdate(std::uint32_t smallest_stamp) {
  smallest_stamp_ = std::max(smallest_stamp_, smallest_stamp);
  unswept_ = index_.size();
}

void LocalCache::clear() {
  index_.clear();
  eviction_.clear();
  std::vector<std::uint16_t>().swap(databases_);
  hand_ = 0;
  unswept_ = 0;
}

void LocalCache::sweep(TimePoint now, std::size_t entries) {
  for (std::size_t looked = 0; looked < entries && index_.size() != 0; ++looked) {
    if (hand_ >= index_.size()) hand_ = 0;
    unswept_ -= std::min<std::size_t>(unswept_, 1);
    if (is_over(index_[hand_], now)) {
      erase(hand_);  // Another one takes its number and is looked at next.
    } else {
      ++hand_;
    }
  }
}

void LocalCache::resize(std::size_t max_bytes) {
  if (max_bytes != max_bytes_) eviction_.forget();
  max_bytes_ = max_bytes;
  while (bytes() > max_bytes_ && index_.size() != 0) evict();
  if (bytes() > max_bytes_) clear();
}

std::size_t LocalCache::size() const { return index_.size(); }

std::size_t LocalCache::bytes() const {
  return sizeof(*this) + index_.bytes() + eviction_.bytes() + vector_block(databases_);
}

std::uint64_t LocalCache::evictions() const { return evictions_; }

}  // namespace pannier::policies
