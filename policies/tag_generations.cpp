#include "policies/tag_generations.hpp"

#include <algorithm>

namespace pannier::policies {

const TagGenerations::Known* TagGenerations::find(std::uint32_t db, std::string_view tag) const {
  return const_cast<TagGenerations*>(this)->edit(db, tag);
}

TagGenerations::Known* TagGenerations::edit(std::uint32_t db, std::string_view tag) {
  const auto tags = known_.find(db);
  if (tags == known_.end()) return nullptr;
  const auto at = tags->second.find(tag);
  return at == tags->second.end() ? nullptr : &at->second;
}

bool TagGenerations::learn(std::uint32_t db, std::string_view tag, ServerTime generation,
                           TimePoint now, Source source) {
  auto* known = edit(db, tag);
  const bool is_newer = known == nullptr || known->generation < generation;
  if (known == nullptr) {
    if (size() >= capacity) known_.clear();
    known = &known_[db]
                 .emplace(std::string(tag), Known{generation, false, false, now, 0})
                 .first->second;
  }
  known->generation = std::max(known->generation, generation);
  if (source == Source::tracked_read) {
    known->current = true;
    known->pushed = false;
  }
  return is_newer;
}

void TagGenerations::moved(std::uint32_t db, std::string_view tag, std::uint64_t stamp) {
  if (auto* known = edit(db, tag)) known->moved = stamp;
}

void TagGenerations::outdate(std::string_view tag) {
  for (auto& [db, tags] : known_) {
    if (const auto at = tags.find(tag); at != tags.end()) {
      at->second.current = false;
      at->second.pushed = true;
    }
  }
}

void TagGenerations::outdate_all() {
  for (auto& [db, tags] : known_) {
    for (auto& [tag, known] : tags) known.current = false;
  }
}

void TagGenerations::renewed(std::uint32_t db, std::string_view tag, TimePoint now) {
  if (auto* known = edit(db, tag)) known->renewed = now;
}

std::size_t TagGenerations::size() const {
  std::size_t size = 0;
  for (const auto& [db, tags] : known_) size += tags.size();
  return size;
}

}  // namespace pannier::policies
