#include "policies/bans.hpp"

#include <algorithm>

namespace pannier::policies {

const Bans::Database* Bans::find(std::uint32_t db) const {
  const auto at = databases_.find(db);
  return at == databases_.end() ? nullptr : &at->second;
}

bool Bans::add(std::uint32_t db, Ban ban, ServerTime at, ServerTime until) {
  auto& bans = databases_[db].bans;
  const auto text = ban.text();
  const auto same =
      std::ranges::find_if(bans, [&](const Placed& other) { return other.ban.text() == text; });
  if (same != bans.end()) {
    if (same->at >= at) return false;
    until = std::max(until, same->until);
    bans.erase(same);
  }
  // Mostly at the end.
  const auto place =
      std::ranges::upper_bound(bans, at, {}, [](const Placed& other) { return other.at; });
  bans.insert(place, {std::move(ban), at, until});
  while (bans.size() > capacity) {
    // The two oldest give way to one on everything; where there is one already it is among them.
    auto first = std::move(bans.front());
    bans.pop_front();
    auto& second = bans.front();
    const bool both_soft = first.ban.soft && second.ban.soft;
    second.ban = Ban{};
    second.ban.soft = both_soft;
    second.until = std::max(second.until, first.until);
  }
  return true;
}

Bans::Newest Bans::newest(std::uint32_t db, const Bannable& subject) const {
  Newest newest;
  const auto* database = find(db);
  if (database == nullptr) return newest;
  for (auto at = database->bans.rbegin(); at != database->bans.rend(); ++at) {
    auto& of_kind = at->ban.soft ? newest.soft : newest.hard;
    if (of_kind || !at->ban.covers(subject)) continue;
    of_kind = at->at;
    if (newest.hard) break;  // An older soft one says nothing beside it.
  }
  return newest;
}

void Bans::forget_old(ServerTime now) {
  for (auto& [db, database] : databases_) {
    std::erase_if(database.bans, [&](const Placed& ban) { return ban.until < now; });
  }
}

Bans::Known Bans::known(std::uint32_t db) const {
  const auto* database = find(db);
  return database == nullptr ? Known::no : database->known;
}

void Bans::set_known(std::uint32_t db, Known known) { databases_[db].known = known; }

void Bans::outdate_all() {
  ++outdated_;
  for (auto& [db, database] : databases_) database.known = Known::no;
}

std::vector<std::uint32_t> Bans::databases() const {
  std::vector<std::uint32_t> all;
  for (const auto& [db, database] : databases_) all.push_back(db);
  return all;
}

std::vector<Bans::Placed> Bans::all(std::uint32_t db) const {
  const auto* database = find(db);
  if (database == nullptr) return {};
  return {database->bans.begin(), database->bans.end()};
}

bool Bans::empty(std::uint32_t db) const {
  const auto* database = find(db);
  return database == nullptr || database->bans.empty();
}

std::size_t Bans::size() const {
  std::size_t size = 0;
  for (const auto& [db, database] : databases_) size += database.bans.size();
  return size;
}

}  // namespace pannier::policies
