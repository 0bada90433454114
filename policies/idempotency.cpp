#include "policies/idempotency.hpp"

namespace pannier::policies {

const IdempotencyTable::Entry* IdempotencyTable::find_or_begin(std::string_view key, TimePoint now,
                                                               milliseconds life) {
  while (!in_order_.empty() &&
         (in_order_.front().since + life <= now || in_order_.size() > most_)) {
    const auto old = entries_.find(in_order_.front().key);
    // One that was given up and begun again is younger.
    if (old != entries_.end() && old->second.since == in_order_.front().since) entries_.erase(old);
    in_order_.pop_front();
  }
  const auto [at, is_new] = entries_.try_emplace(std::string(key), Kept{{}, now});
  if (!is_new) return &at->second.entry;
  in_order_.push_back({at->first, now});
  return nullptr;
}

void IdempotencyTable::finish(std::string_view key, std::string answer) {
  const auto at = entries_.find(std::string(key));
  if (at != entries_.end()) at->second.entry = {true, std::move(answer)};
}

}  // namespace pannier::policies
