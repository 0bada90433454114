#include "policies/local_copies.hpp"

#include <xxhash.h>

#include <algorithm>
#include <limits>

#include "policies/test_bugs.hpp"

namespace pannier::policies {

LocalCopies::LocalCopies() : cache_(0), slots_(std::make_unique<std::array<Slot, slots>>()) {}

std::uint64_t LocalCopies::bit(std::string_view key) {
  return std::uint64_t{1} << (XXH3_64bits(key.data(), key.size()) >> 58);
}

LocalCopies::Slot& LocalCopies::slot(std::string_view key) const {
  return (*slots_)[XXH3_64bits(key.data(), key.size()) % slots];
}

void LocalCopies::answered(std::uint32_t db, TimePoint sent, std::uint64_t exchange) {
  if (db >= lanes_.size()) lanes_.resize(db + 1);
  auto& lane = lanes_[db];
  lane.acked = std::max(lane.acked, sent);
  lane.acked_exchange = std::max(lane.acked_exchange, exchange);
  if (lane.aside) drop_aside();
}

void LocalCopies::lose_lane(std::uint32_t db) {
  if (db < lanes_.size()) lanes_[db] = {};
  if (!has(Bug::no_lane_drop)) outdate_all();
}

void LocalCopies::lose_all() {
  lanes_.clear();
  if (!has(Bug::no_lane_drop)) outdate_all();
}

void LocalCopies::set_lane_aside(std::uint32_t db, TimePoint current_until) {
  if (db >= lanes_.size()) lanes_.resize(db + 1);
  lanes_[db] = {};
  lanes_[db].aside = true;
  set_aside(current_until);
}

void LocalCopies::set_all_aside(TimePoint current_until) {
  lanes_.clear();
  set_aside(current_until);
}

void LocalCopies::set_aside(TimePoint current_until) {
  since_ = advance();
  aside_since_ = std::min(aside_since_.value_or(current_until), current_until);
}

void LocalCopies::drop_aside() {
  for (auto& lane : lanes_) lane.aside = false;
  aside_since_.reset();
  cache_.outdate(static_cast<std::uint32_t>(since_ - base_));
}

void LocalCopies::outdate_all() {
  since_ = advance();
  drop_aside();
}

LocalCopies::Stamp LocalCopies::advance() {
  if (++stamp_ - base_ >= std::numeric_limits<std::uint32_t>::max()) {
    cache_.clear();
    cache_.outdate(0);
    base_ = since_ = stamp_;
  }
  return stamp_;
}

LocalCopies::View LocalCopies::look(std::string_view key, TimePoint now, bool tracked) const {
  const auto& at = slot(key);
  return {at.epoch, at.pending == 0, tracked, stamp_, now};
}

bool LocalCopies::replace(std::uint32_t db, std::string_view key, const View& view,
                          std::string_view question, std::string_view reply, TimePoint deadline,
                          TimePoint now, milliseconds past_end) {
  if (has(Bug::leak_db)) db = 0;
  auto& at = slot(key);
  const bool unwritten = view.quiet && at.pending == 0 && at.epoch == view.epoch;
  const bool undisturbed = (unwritten || has(Bug::no_epoch)) && view.stamp >= since_;
  // Where pushes come, other replies of the key may stay beside it, and those that are under way
  // may become copies, too: a lane answers in order, and of what changed between them it tells.
  if (!view.tracked) {
    ++at.epoch;
    cache_.erase(db, key);
  }
  const bool is_kept = deadline != TimePoint{} && deadline + past_end > now;
  if (undisturbed && is_kept && !reply.starts_with('|')) {
    // What is under the key then has the earlier end of both, so nothing that is over may stay.
    const bool may_be_over = past_end.count() > 0 || aside_since_;
    const auto oldest = static_cast<std::uint32_t>(since_ - base_);
    if (may_be_over && !cache_.holds(db, key, oldest, now + past_end)) cache_.erase(db, key);
    if (cache_.store(db, key, question, reply, static_cast<std::uint32_t>(stamp_ - base_),
                     deadline + past_end, now)) {
      return true;
    }
  }
  cache_.erase(db, key);
  return false;
}

std::optional<LocalCopies::Copy> LocalCopies::find(std::uint32_t db, std::string_view key,
                                                   std::string_view question, TimePoint now,
                                                   milliseconds past_end) {
  const auto copy = cache_.find(has(Bug::leak_db) ? 0 : db, key, question, now + past_end);
  if (!copy) return std::nullopt;
  if (aside_since_ && copy->stamp + base_ < since_) return std::nullopt;
  return Copy{copy->reply, copy->stamp + base_};
}

std::optional<LocalCopies::Kept> LocalCopies::look_at(std::uint32_t db, std::string_view key,
                                                      TimePoint now, milliseconds past_end) const {
  const auto kept = cache_.look(db, key);
  if (!kept || kept->stamp + base_ < since_ || kept->until <= now + past_end) return std::nullopt;
  return Kept{kept->until - past_end - now, kept->stamp + base_};
}

std::optional<LocalCopies::Copy> LocalCopies::find_outdated(std::uint32_t db, std::string_view key,
                                                            std::string_view question,
                                                            TimePoint now, milliseconds past_end) {
  if (!aside_since_ || now >= *aside_since_ + past_end || slot(key).pending != 0) {
    return std::nullopt;
  }
  const auto copy = cache_.find(db, key, question, now);
  if (!copy) return std::nullopt;
  return Copy{copy->reply, copy->stamp + base_};
}

bool LocalCopies::unchanged(std::string_view key, const View& since) const {
  return slot(key).epoch == since.epoch && since.stamp >= since_;
}

void LocalCopies::end_write(std::string_view key) {
  auto& at = slot(key);
  --at.pending;
  if (has(Bug::no_write_erase)) return;
  ++at.epoch;
  cache_.erase_everywhere(key);
}

std::size_t LocalCopies::pushed(std::string_view key) {
  if (has(Bug::no_push)) return 0;
  ++slot(key).epoch;
  const auto before = cache_.size();
  cache_.erase_everywhere(key);
  return before - cache_.size();
}

}  // namespace pannier::policies
