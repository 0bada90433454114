#include "policies/tag_generations.hpp"

#include <algorithm>

#include "protocol/reply.hpp"

namespace pannier::policies {

std::optional<Generation> Generation::parse(std::string_view record) {
  const auto space = record.find(' ');
  const auto hard = protocol::to_integer(record.substr(0, space));
  if (!hard) return std::nullopt;
  Generation generation{ServerTime(milliseconds(*hard))};
  if (space == record.npos) return generation;
  const auto soft = protocol::to_integer(record.substr(space + 1));
  if (!soft) return std::nullopt;
  generation.soft = ServerTime(milliseconds(*soft));
  return generation;
}

std::string Generation::text() const {
  auto text = std::to_string(hard.time_since_epoch().count());
  if (soft > hard) text += ' ' + std::to_string(soft.time_since_epoch().count());
  return text;
}

const TagGenerations::Known* TagGenerations::find(std::uint32_t db, std::string_view tag) const {
  return const_cast<TagGenerations*>(this)->edit(db, tag);
}

TagGenerations::Known* TagGenerations::edit(std::uint32_t db, std::string_view tag) {
  const auto tags = known_.find(db);
  if (tags == known_.end()) return nullptr;
  const auto at = is_tag_name(tag) ? tags->second.find(tag) : tags->second.find(tag_name(tag));
  return at == tags->second.end() ? nullptr : &at->second;
}

bool TagGenerations::learn(std::uint32_t db, std::string_view tag, Generation generation,
                           TimePoint now, Source source) {
  auto* known = edit(db, tag);
  const bool is_newer = known == nullptr || known->generation.hard < generation.hard ||
                        known->generation.soft < generation.soft;
  if (known == nullptr) {
    if (size() >= capacity) known_.clear();
    known =
        &known_[db].emplace(tag_name(tag), Known{generation, false, false, now, 0}).first->second;
  }
  auto& newest = known->generation;
  newest.hard = std::max(newest.hard, generation.hard);
  newest.soft = std::max(newest.soft, generation.soft);
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
