#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>

#include "policies/time.hpp"

namespace pannier::policies {

/// What events with an idempotency key were answered, so that the same one is carried out once.
/// Bounded: with more keys the oldest is forgotten, and its event would be carried out once more,
/// which costs loads and no promise.
class IdempotencyTable {
 public:
  struct Entry {
    bool done = false;   ///< Else it is under way.
    std::string answer;  ///< Once it is done.
  };
  explicit IdempotencyTable(std::size_t most = 10'000) : most_(most) {}

  /// The event that has this key; null, and then it has it from now on, if there was none.
  /// Valid until the next call.
  const Entry* find_or_begin(std::string_view key, TimePoint now, milliseconds life);
  void finish(std::string_view key, std::string answer);
  /// It came to nothing: the next one with the key is carried out.
  void give_up(std::string_view key) { entries_.erase(std::string(key)); }
  std::size_t size() const { return entries_.size(); }

 private:
  struct Begun {
    std::string key;
    TimePoint since;
  };
  struct Kept {
    Entry entry;
    TimePoint since;
  };

  std::size_t most_;
  std::unordered_map<std::string, Kept> entries_;
  std::deque<Begun> in_order_;
};

}  // namespace pannier::policies
