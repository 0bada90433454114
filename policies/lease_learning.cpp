#include "policies/lease_learning.hpp"

#include <algorithm>

namespace pannier::policies {

bool LeaseLearning::worth_waiting(std::string_view rule, std::string_view key, TimePoint now) {
  if (!keys_.empty()) {
    const auto failed = keys_.find(std::string(key));
    if (failed != keys_.end() && failed->second.in_a_row >= 2) {
      if (now < failed->second.rests_until) return false;
      keys_.erase(failed);
    }
  }
  const auto at = rules_.find(rule);
  if (at == rules_.end() || !at->second.resting) return true;
  auto& learned = at->second;
  if (now < learned.rests_until) return false;
  learned.on_trial = true;
  learned.rests_until = now + rest;  // A trial that ends without an outcome is repeated then.
  return true;
}

void LeaseLearning::filled(std::string_view rule, std::string_view key, microseconds load) {
  auto& learned = rules_[std::string(rule)];
  learned.usual_load = learned.usual_load.count() == 0 ? load : (learned.usual_load * 7 + load) / 8;
  if (!keys_.empty()) keys_.erase(std::string(key));
  note(learned, true, {});
}

void LeaseLearning::in_vain(std::string_view rule, std::string_view key, TimePoint now) {
  if (keys_.size() >= key_capacity) keys_.clear();
  auto& failures = keys_[std::string(key)];
  ++failures.in_a_row;
  failures.rests_until = now + key_rest;
  note(rules_[std::string(rule)], false, now);
}

void LeaseLearning::note(Learned& learned, bool was_filled, TimePoint now) {
  if (learned.on_trial) {
    learned.on_trial = false;
    if (was_filled) {
      learned.resting = false;
      learned.seen = 0;
      learned.filled.reset();
    } else {
      learned.rests_until = now + rest;
    }
    return;
  }
  learned.filled[learned.seen++ % sample] = was_filled;
  if (learned.seen < sample || learned.resting || learned.filled.count() >= needed) return;
  if (was_filled) return;
  learned.resting = true;
  learned.rests_until = now + rest;
}

microseconds LeaseLearning::usual_load(std::string_view rule) const {
  const auto at = rules_.find(rule);
  return at == rules_.end() ? microseconds(0) : at->second.usual_load;
}

microseconds LeaseLearning::lease_time(std::string_view rule) const {
  const auto load = usual_load(rule);
  if (load.count() == 0) return seconds(3);
  return std::clamp<microseconds>(load * 3, seconds(1), seconds(10));
}

}  // namespace pannier::policies
