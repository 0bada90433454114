#include "policies/local_index.hpp"

#include <xxhash.h>

#include <cassert>
#include <utility>

#include "policies/memory_buckets.hpp"

namespace pannier::policies {
namespace {

constexpr int tag_bits = 20;  ///< In the place of 16 bits above and 4 below an address.

/// The upper bits: buckets are chosen by the lower ones.
std::uint64_t tag(std::uint64_t hash) { return hash >> (64 - tag_bits); }

}  // namespace

CachedEntry* LocalIndex::Slot::entry() const {
  const std::uint64_t word = std::uint64_t{high} << 32 | low;
  return reinterpret_cast<CachedEntry*>(word >> tag_bits << 4);
}

bool LocalIndex::Slot::is(std::uint64_t hash) const {
  return (low & ((1U << tag_bits) - 1)) == tag(hash);
}

void LocalIndex::Slot::set(CachedEntry* entry, std::uint64_t hash) {
  const auto address = reinterpret_cast<std::uint64_t>(entry);
  const std::uint64_t word = address >> 4 << tag_bits | tag(hash);
  low = static_cast<std::uint32_t>(word);
  high = static_cast<std::uint32_t>(word >> 32);
  assert(this->entry() == entry);
}

std::uint64_t LocalIndex::hash(std::uint32_t db, std::string_view key) {
  return XXH3_64bits_withSeed(key.data(), key.size(), db);
}

LocalIndex::Id& LocalIndex::bucket(std::uint64_t hash) {
  return buckets_[MemoryBuckets(buckets_.size()).of(hash)];
}

LocalIndex::Id LocalIndex::find(std::uint64_t hash, std::uint32_t db, std::string_view key) const {
  if (buckets_.size() == 0) return none;
  Id id = buckets_[MemoryBuckets(buckets_.size()).of(hash)];
  while (id != none) {
    const Slot& slot = slots_[id];
    if (slot.is(hash) && slot.entry()->is(db, key)) break;
    id = slot.next;
  }
  return id;
}

void LocalIndex::link(Id id, std::uint64_t hash) {
  slots_[id].next = std::exchange(bucket(hash), id);
}

LocalIndex::Id& LocalIndex::link_to(Id id, std::uint64_t hash) {
  Id* link = &bucket(hash);
  while (*link != id) link = &slots_[*link].next;
  return *link;
}

void LocalIndex::push_back(std::uint64_t hash, CachedEntry::Owner entry) {
  add_bucket();
  const auto id = static_cast<Id>(slots_.size());
  entry_bytes_ += entry->heap_bytes();
  Slot slot{};
  slot.set(entry.release(), hash);
  slots_.push_back(slot);
  link(id, hash);
}

void LocalIndex::replace(Id id, CachedEntry::Owner entry) {
  const std::uint64_t hash = this->hash(id);
  const CachedEntry::Owner old(slots_[id].entry());
  entry_bytes_ += entry->heap_bytes();
  entry_bytes_ -= old->heap_bytes();
  slots_[id].set(entry.release(), hash);
}

void LocalIndex::erase(Id id, std::uint64_t hash) {
  link_to(id, hash) = slots_[id].next;
  const CachedEntry::Owner old(slots_[id].entry());
  entry_bytes_ -= old->heap_bytes();
  const auto last = static_cast<Id>(slots_.size() - 1);
  if (id != last) {
    link_to(last, this->hash(last)) = id;
    slots_[id] = slots_[last];
  }
  slots_.pop_back();
  remove_bucket();
}

void LocalIndex::add_bucket() {
  if (buckets_.size() == 0) return buckets_.push_back(none);
  Id id = std::exchange(buckets_[MemoryBuckets(buckets_.size()).partner()], none);
  buckets_.push_back(none);
  while (id != none) {
    const Id next = slots_[id].next;
    link(id, hash(id));
    id = next;
  }
}

void LocalIndex::remove_bucket() {
  Id id = buckets_[buckets_.size() - 1];
  buckets_.pop_back();
  while (id != none) {
    const Id next = slots_[id].next;
    link(id, hash(id));
    id = next;
  }
}

void LocalIndex::clear() {
  for (Id id = 0; id < slots_.size(); ++id) CachedEntry::Free()(slots_[id].entry());
  slots_.clear();
  buckets_.clear();
  entry_bytes_ = 0;
}

}  // namespace pannier::policies
