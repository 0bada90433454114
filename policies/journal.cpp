#include "policies/journal.hpp"

#include <utility>

namespace pannier::policies {

std::string Journal::id(const Entry& entry) {
  return std::to_string(static_cast<int>(entry.kind)) + (entry.soft ? "s" : "h") +
         (entry.again ? "a" : "") + std::to_string(entry.db) + ' ' + entry.name;
}

bool Journal::add(Entry entry, std::size_t most) {
  if (entry.kind != Kind::ban && wide_.contains(entry.db)) return true;
  auto name = id(entry);
  if (known_.contains(name)) return true;
  const auto bytes = bytes_ + entry.name.size();
  if (entries_.size() >= most || bytes > most * bytes_per_entry) return false;
  bytes_ = bytes;
  known_.insert(std::move(name));
  entries_.push_back(std::move(entry));
  return true;
}

void Journal::widen(std::uint32_t db, const std::vector<std::string>& bans) {
  std::deque<Entry> kept;
  for (auto& entry : entries_) {
    if (entry.db == db && entry.kind != Kind::ban) {
      bytes_ -= entry.name.size();
      known_.erase(id(entry));
    } else {
      kept.push_back(std::move(entry));
    }
  }
  entries_ = std::move(kept);
  if (!wide_.insert(db).second) return;
  for (const auto& ban : bans) {
    Entry entry{Kind::ban, db, ban};
    if (!known_.insert(id(entry)).second) continue;
    bytes_ += ban.size();
    entries_.push_back(std::move(entry));
  }
  if (entries_.empty()) wide_.clear();
}

std::set<std::uint32_t> Journal::databases() const {
  std::set<std::uint32_t> databases;
  for (const auto& entry : entries_) databases.insert(entry.db);
  return databases;
}

void Journal::pop(std::size_t count) {
  for (; count > 0 && !entries_.empty(); --count) {
    bytes_ -= entries_.front().name.size();
    known_.erase(id(entries_.front()));
    entries_.pop_front();
  }
  if (entries_.empty()) wide_.clear();
}

}  // namespace pannier::policies
