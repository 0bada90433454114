#pragma once

#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "policies/time.hpp"

namespace pannier::policies {

/// Remembers when clients were told that a key is missing, until they SET it.
///
/// A value is as old as the moment its load began, not the moment it arrives: the SET that fills a
/// miss gets an expiry counted from the miss, so that an invalidation in between makes it invalid.
/// Where several clients missed the same key it is not known whose SET arrives, so the oldest miss
/// counts for all of them ("oldest miss rule"). Bounded by entries and by time.
class OpenMisses {
 public:
  static constexpr seconds hold{10};
  static constexpr std::size_t capacity = 65'536;

  struct Miss {
    ServerTime at;   ///< Server time of the oldest miss that is still open.
    TimePoint told;  ///< When its client was told.
  };

  /// A client is told now that `key` is missing, which was so at server time `at`.
  void add(std::string_view key, ServerTime at, TimePoint now);

  /// A SET of `key` is on its way: the oldest open miss it may belong to, if there is one.
  /// The record goes with the last of its misses.
  std::optional<Miss> take(std::string_view key, TimePoint now);
  /// The same for a SET that may still be taken back (in a transaction): nothing is answered by it.
  std::optional<Miss> look(std::string_view key, TimePoint now);

  void forget_old(TimePoint now);
  std::size_t size() const { return entries_.size(); }
  std::size_t dropped() const { return dropped_; }  ///< Because the table was full, since start.

 private:
  /// Misses of a key that were told within a second count as one, for as long as the last of them.
  static constexpr seconds width{1};
  struct Slot {
    Miss oldest;
    TimePoint last_told;
    std::size_t misses;
  };
  struct Entry {
    std::string key;
    std::vector<Slot> slots;  ///< Oldest first; never empty.
    std::size_t open = 0;     ///< Misses that no SET has answered.
  };
  std::list<Entry> entries_;  ///< By when their last miss was told.
  std::unordered_map<std::string_view, std::list<Entry>::iterator> index_;
  std::size_t dropped_ = 0;
  static void forget_slots(Entry& entry, TimePoint now);
  void drop_front();
};

}  // namespace pannier::policies
