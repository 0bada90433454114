#include "policies/open_misses.hpp"

#include <algorithm>

namespace pannier::policies {

void OpenMisses::removed(std::string_view key, std::uint64_t exchange) {
  auto& last = last_removal(key);
  last = std::max(last, exchange);
  const auto found = index_.find(key);
  if (found == index_.end()) return;
  for (auto& slot : found->second->slots) slot.oldest.outdated = true;
}

void OpenMisses::all_removed(std::uint64_t exchange) {
  all_removed_ = exchange;
  for (auto& entry : entries_) {
    for (auto& slot : entry.slots) slot.oldest.outdated = true;
  }
}

void OpenMisses::add(std::string_view key, ServerTime at, TimePoint now, Look look) {
  forget_old(now);
  if (const auto found = index_.find(key); found != index_.end()) {
    entries_.splice(entries_.end(), entries_, found->second);
  } else {
    if (entries_.size() == capacity) {
      drop_front();
      ++dropped_;
    }
    entries_.push_back({std::string(key), {}, 0});
    index_.emplace(entries_.back().key, std::prev(entries_.end()));
  }
  auto& entry = entries_.back();
  forget_slots(entry, now);
  ++entry.open;
  const bool outdated = std::max(last_removal(key), all_removed_) > look.exchange;
  const auto* last = entry.slots.empty() ? nullptr : &entry.slots.back();
  if (last != nullptr && !look.generation) look.generation = last->oldest.generation;
  if (last == nullptr || last->oldest.told + width <= now || last->oldest.outdated != outdated) {
    entry.slots.push_back({{at, now, outdated, std::move(look.generation)}, now, 1});
    return;
  }
  auto& slot = entry.slots.back();
  slot.oldest.at = std::min(slot.oldest.at, at);
  slot.last_told = now;
  ++slot.misses;
}

std::optional<OpenMisses::Miss> OpenMisses::look(std::string_view key, TimePoint now) {
  forget_old(now);
  const auto found = index_.find(key);
  if (found == index_.end()) return std::nullopt;
  auto& entry = *found->second;
  forget_slots(entry, now);
  auto miss = entry.slots.front().oldest;
  for (const auto& slot : entry.slots) {
    miss.at = std::min(miss.at, slot.oldest.at);
    miss.outdated = miss.outdated || slot.oldest.outdated;
  }
  return miss;
}

std::optional<OpenMisses::Miss> OpenMisses::take(std::string_view key, TimePoint now) {
  const auto miss = look(key, now);
  if (!miss) return std::nullopt;
  const auto found = index_.find(key);
  const auto entry = found->second;
  if (--entry->open == 0) {
    index_.erase(found);
    entries_.erase(entry);
  }
  return miss;
}

void OpenMisses::forget_slots(Entry& entry, TimePoint now) {
  std::size_t misses = 0;
  std::erase_if(entry.slots, [&](const Slot& slot) { return slot.last_told + hold < now; });
  for (const auto& slot : entry.slots) misses += slot.misses;
  // It is not known which were answered: of those that are left, as many as there can be.
  entry.open = std::min(entry.open, misses);
}

void OpenMisses::forget_old(TimePoint now) {
  while (!entries_.empty() && entries_.front().slots.back().last_told + hold < now) drop_front();
}

void OpenMisses::drop_front() {
  index_.erase(entries_.front().key);
  entries_.pop_front();
}

}  // namespace pannier::policies
