#include "policies/rehearsal.hpp"

#include <bit>
#include <utility>

#include "policies/heap_block.hpp"

namespace pannier::policies {
namespace {

/// All of a sample have some bits of their hashes in common; these differ again.
std::uint64_t spread(std::uint32_t key) { return key * 0x9e37'79b9'7f4a'7c15; }

}  // namespace

Rehearsal::Id& Rehearsal::bucket(std::uint32_t key) {
  return buckets_[(spread(key) >> 32) & (buckets_.size() - 1)];
}

Rehearsal::Id& Rehearsal::link_to(Id id) {
  Id* link = &bucket(slots_[id].key);
  while (*link != id) link = &slots_[*link].next;
  return *link;
}

void Rehearsal::fit(std::size_t capacity) {
  capacity_ = capacity;
  while (slots_.size() > capacity) evict();
  if (capacity <= room_) return;
  room_ = capacity + capacity / 4;  // It varies a little.
  slots_.reserve(room_ + 1);
  buckets_.assign(std::bit_ceil(room_), none);
  for (Id id = 0; id < slots_.size(); ++id) {
    slots_[id].next = std::exchange(bucket(slots_[id].key), id);
  }
}

bool Rehearsal::ask(std::uint64_t hash) {
  const auto key = static_cast<std::uint32_t>(hash >> 32);
  Id& first = bucket(key);
  for (Id id = first; id != none; id = slots_[id].next) {
    if (slots_[id].key != key) continue;
    lists_.use(id);
    return true;
  }
  slots_.push_back({key, first});
  first = static_cast<Id>(slots_.size() - 1);
  lists_.push_back(spread(key));
  if (slots_.size() > capacity_) evict();
  return false;
}

void Rehearsal::evict() {
  const auto id = static_cast<Id>(lists_.victim());
  lists_.evict(id, spread(slots_[id].key));
  link_to(id) = slots_[id].next;
  const auto last = static_cast<Id>(slots_.size() - 1);
  if (id != last) {
    link_to(last) = id;
    slots_[id] = slots_[last];
  }
  slots_.pop_back();
}

void Rehearsal::clear() {
  lists_.clear();
  capacity_ = room_ = 0;
  std::vector<Slot>().swap(slots_);
  std::vector<Id>().swap(buckets_);
}

std::size_t Rehearsal::bytes() const {
  if (room_ == 0) return 0;
  return EvictionLists::most_bytes(room_ + 1) + vector_block(slots_) + vector_block(buckets_);
}

}  // namespace pannier::policies
