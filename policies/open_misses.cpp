#include "policies/open_misses.hpp"

#include <algorithm>

namespace pannier::policies {

void OpenMisses::removed(std::string_view key, std::uint64_t exchange) {
  auto& last = last_removal(key);
  last = std::max(last, exchange);
  const auto found = index_.find(key);
  if (found == index_.end()) return;
  for (auto& slot : found->second->slots) slot.oldest.outdated = true;
  found->second->equals.reset();
}

void OpenMisses::all_removed(std::uint64_t exchange) {
  all_removed_ = exchange;
  for (auto& entry : entries_) {
    for (auto& slot : entry.slots) slot.oldest.outdated = true;
    entry.equals.reset();
  }
}

void OpenMisses::add(std::string_view key, ServerTime at, TimePoint now, Look look,
                     std::uint64_t load) {
  forget_old(now);
  if (const auto found = index_.find(key); found != index_.end()) {
    entries_.splice(entries_.end(), entries_, found->second);
  } else {
    if (entries_.size() == capacity) {
      drop(entries_.begin());
      ++dropped_;
    }
    entries_.push_back({std::string(key), {}, 0});
    index_.emplace(entries_.back().key, std::prev(entries_.end()));
  }
  auto& entry = entries_.back();
  forget_slots(entry, now);
  const bool outdated = std::max(last_removal(key), all_removed_) > look.exchange;
  if (!entry.slots.empty() && !look.generation) {
    look.generation = entry.slots.back().oldest.generation;
  }
  const Slot slot{{at, now, outdated, std::move(look.generation)}, now, 1, load, entry.open};
  if (load != 0) return entry.slots.push_back(slot);
  ++entry.open;
  const auto last = std::ranges::find(entry.slots.rbegin(), entry.slots.rend(), 0u, &Slot::load);
  const bool is_first = last == entry.slots.rend() || last->oldest.outdated != outdated;
  const bool is_behind =
      !is_first && look.newest && last->oldest.at <= *look.newest && at > *look.newest;
  if (is_first || last->oldest.told + (is_behind ? least_width : width) <= now) {
    return entry.slots.push_back(slot);
  }
  last->oldest.at = std::min(last->oldest.at, at);
  last->last_told = now;
  ++last->misses;
}

OpenMisses::Entry* OpenMisses::find(std::string_view key, TimePoint now) {
  forget_old(now);
  const auto found = index_.find(key);
  if (found == index_.end()) return nullptr;
  forget_slots(*found->second, now);
  if (!found->second->slots.empty()) return &*found->second;
  drop(found->second);
  return nullptr;
}

std::optional<OpenMisses::Miss> OpenMisses::look(std::string_view key, TimePoint now) {
  const auto* entry = find(key, now);
  if (entry == nullptr || entry->open == 0) return std::nullopt;
  std::optional<Miss> miss;
  for (const auto& slot : entry->slots) {
    if (slot.load != 0) continue;
    if (!miss) miss = slot.oldest;
    miss->at = std::min(miss->at, slot.oldest.at);
    miss->outdated = miss->outdated || slot.oldest.outdated;
  }
  return miss;
}

std::optional<OpenMisses::Miss> OpenMisses::confirmed(Entry& entry, const Arrival& arrival) {
  // The oldest of those behind which no miss is too old for the value.
  const Slot* first = nullptr;
  ServerTime at = ServerTime::max();
  for (auto slot = entry.slots.rbegin(); slot != entry.slots.rend(); ++slot) {
    if (slot->load != 0) continue;
    const auto& oldest = slot->oldest;
    if (oldest.outdated || (arrival.newest && oldest.at <= *arrival.newest)) break;
    first = &*slot;
    at = std::min(at, oldest.at);
  }
  if (first == nullptr) return std::nullopt;
  auto& equals = entry.equals;
  const auto since = first->oldest.told;
  const bool goes_on = equals && equals->since == since && equals->digest == arrival.digest;
  if (!goes_on) equals = Equals{since, arrival.digest, 0};
  if (++equals->count <= most_tries * first->open_before) return std::nullopt;
  auto miss = first->oldest;
  miss.at = at;
  return miss;
}

std::optional<OpenMisses::Miss> OpenMisses::take(std::string_view key, TimePoint now,
                                                 const std::optional<Arrival>& arrival) {
  auto miss = look(key, now);
  if (!miss) return std::nullopt;
  const auto entry = index_.find(key)->second;
  const bool is_useless =
      arrival && (miss->outdated || (arrival->newest && miss->at <= *arrival->newest));
  if (is_useless) miss = confirmed(*entry, *arrival).value_or(*miss);
  if (--entry->open > 0) return miss;
  std::erase_if(entry->slots, [](const Slot& slot) { return slot.load == 0; });
  if (entry->slots.empty()) drop(entry);
  return miss;
}

void OpenMisses::not_stored(std::string_view key, ServerTime at, TimePoint now) {
  // By which exchange it was asked for is forgotten: any removal may have come since.
  add(key, at, now, {0, std::nullopt});
  entries_.back().equals.reset();
}

std::optional<OpenMisses::Miss> OpenMisses::take_load(std::string_view key, std::uint64_t load) {
  const auto found = index_.find(key);
  if (found == index_.end()) return std::nullopt;
  auto& slots = found->second->slots;
  const auto slot = std::ranges::find(slots, load, &Slot::load);
  if (slot == slots.end()) return std::nullopt;
  const auto miss = slot->oldest;
  slots.erase(slot);
  if (slots.empty()) drop(found->second);
  return miss;
}

std::optional<ServerTime> OpenMisses::oldest(std::string_view key, TimePoint now) {
  const auto* entry = find(key, now);
  if (entry == nullptr) return std::nullopt;
  return std::ranges::min(entry->slots, {}, [](const Slot& slot) { return slot.oldest.at; })
      .oldest.at;
}

void OpenMisses::forget_slots(Entry& entry, TimePoint now) {
  std::size_t misses = 0;
  std::erase_if(entry.slots, [&](const Slot& slot) { return slot.last_told + hold < now; });
  for (const auto& slot : entry.slots) misses += slot.load == 0 ? slot.misses : 0;
  // It is not known which were answered: of those that are left, as many as there can be.
  entry.open = std::min(entry.open, misses);
}

void OpenMisses::forget_old(TimePoint now) {
  const auto is_old = [now](const Slot& slot) { return slot.last_told + hold < now; };
  while (!entries_.empty() && std::ranges::all_of(entries_.front().slots, is_old)) {
    drop(entries_.begin());
  }
}

void OpenMisses::drop(Entries::iterator entry) {
  index_.erase(entry->key);
  entries_.erase(entry);
}

}  // namespace pannier::policies
