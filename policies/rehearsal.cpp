#include "policies/rehearsal.hpp"

#include "policies/heap_block.hpp"

namespace pannier::policies {
namespace {

/// As many as there are entries at most; a power of two.
constexpr std::size_t most_buckets = 512;

/// All of a sample have some bits of their hashes in common; these differ again.
std::uint64_t spread(std::uint32_t key) { return key * 0x9e37'79b9'7f4a'7c15; }

}  // namespace

Rehearsal::Id& Rehearsal::bucket(std::uint32_t key) {
  return buckets_[(spread(key) >> 32) % most_buckets];
}

Rehearsal::Id& Rehearsal::link_to(Id id) {
  Id* link = &bucket(slots_[id].key);
  while (*link != id) link = &slots_[*link].next;
  return *link;
}

bool Rehearsal::ask(std::uint64_t hash, std::size_t capacity) {
  const auto key = static_cast<std::uint32_t>(hash >> 32);
  if (buckets_.empty()) buckets_.assign(most_buckets, none);
  Id& first = bucket(key);
  for (Id id = first; id != none; id = slots_[id].next) {
    if (slots_[id].key != key) continue;
    lists_.use(id);
    return true;
  }
  slots_.push_back({key, first});
  first = static_cast<Id>(slots_.size() - 1);
  lists_.push_back(spread(key));
  while (slots_.size() > capacity) evict();
  return false;
}

void Rehearsal::evict() {
  const Id id = lists_.victim();
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
  std::vector<Slot>().swap(slots_);
  std::vector<Id>().swap(buckets_);
}

std::size_t Rehearsal::bytes() const {
  return lists_.bytes() + vector_block(slots_) + vector_block(buckets_);
}

}  // namespace pannier::policies
