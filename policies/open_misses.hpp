#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
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
/// counts for all of them ("oldest miss rule"). Of what the sidecar loads itself it is known, so a
/// load has a miss of its own. Bounded by entries and by time.
///
/// A miss that no SET ever answers would so make all later values of a busy key as old as those of
/// the last ten seconds, for ever. But of the SETs that arrive after a miss only as many can be of
/// older ones as were open when it was told: once more have brought the same bytes, one of them is
/// of that miss or a later one, and so are the bytes ("count of equals").
class OpenMisses {
 public:
  static constexpr seconds hold{10};
  static constexpr std::size_t capacity = 65'536;

  struct Miss {
    ServerTime at;                          ///< Server time of the oldest miss that is still open.
    TimePoint told;                         ///< When its client was told.
    bool outdated = false;                  ///< The key was removed since.
    std::optional<std::string> generation;  ///< What the record of removals said, if known.
  };
  /// A SET that has arrived.
  struct Arrival {
    std::optional<ServerTime> newest;  ///< Values that are as old are invalid, or stale.
    std::uint64_t digest = 0;          ///< Of its value.
  };
  /// What was true when upstream was asked for the key.
  struct Look {
    std::uint64_t exchange = ~std::uint64_t{0};  ///< By which it was asked; all ones: only now.
    std::optional<std::string> generation;       ///< As in Miss; not given: that of an older miss.
    std::optional<ServerTime> newest = std::nullopt;  ///< As in Arrival.
  };

  /// A client is told now that `key` is missing, which was so at server time `at`; or nobody is,
  /// and this load has begun (0: none).
  void add(std::string_view key, ServerTime at, TimePoint now, Look look, std::uint64_t load = 0);
  void add(std::string_view key, ServerTime at, TimePoint now) { add(key, at, now, {}); }

  /// The key is removed, or becomes something else than what it was: whatever was asked by an
  /// exchange before this one is outdated.
  void removed(std::string_view key, std::uint64_t exchange);
  void all_removed(std::uint64_t exchange);
  bool any(std::string_view key) const { return index_.contains(key); }

  /// A SET of `key` is on its way: the oldest open miss it may belong to, if there is one.
  /// Where that one is too old for the value to be of use, it may be the oldest of those that the
  /// equal values of several SETs are of. The record goes with the last of its misses.
  std::optional<Miss> take(std::string_view key, TimePoint now,
                           const std::optional<Arrival>& arrival = {});
  /// The SET of a miss of server time `at` was not stored: it may come again.
  void not_stored(std::string_view key, ServerTime at, TimePoint now);
  /// The same for a SET that may still be taken back (in a transaction): nothing is answered by it.
  std::optional<Miss> look(std::string_view key, TimePoint now);
  /// The miss of a load, which has ended with or without a value; nothing if it is forgotten.
  std::optional<Miss> take_load(std::string_view key, std::uint64_t load);
  /// When the oldest value began to be loaded that may still come, by a client or a load.
  std::optional<ServerTime> oldest(std::string_view key, TimePoint now);

  void forget_old(TimePoint now);
  std::size_t size() const { return entries_.size(); }
  std::size_t dropped() const { return dropped_; }  ///< Because the table was full, since start.

 private:
  /// Misses of a key that were told within a second count as one, for as long as the last of them;
  /// where an invalidation is between them only those within a tenth of that.
  static constexpr seconds width{1};
  static constexpr milliseconds least_width{100};
  /// How often client libraries send one SET, where its answer is lost or an error.
  static constexpr std::size_t most_tries = 4;
  struct Slot {
    Miss oldest;
    TimePoint last_told;
    std::size_t misses;
    std::uint64_t load = 0;       ///< Whose it is; 0: of clients.
    std::size_t open_before = 0;  ///< Misses of clients that were open when it was told first.
  };
  /// Of SETs since a slot began, how many in a row have brought the same bytes.
  struct Equals {
    TimePoint since;  ///< When the slot began.
    std::uint64_t digest;
    std::size_t count;
  };
  struct Entry {
    std::string key;
    std::vector<Slot> slots;  ///< Oldest first; never empty.
    std::size_t open = 0;     ///< Misses of clients that no SET has answered.
    std::optional<Equals> equals = std::nullopt;
  };
  std::list<Entry> entries_;  ///< By when their last miss was added.
  std::unordered_map<std::string_view, std::list<Entry>::iterator> index_;
  std::size_t dropped_ = 0;
  /// By a key's hash, the exchange of its last removal. Of keys that share a place a SET may be
  /// refused in vain.
  static constexpr std::size_t removals = 4'096;
  std::uint64_t all_removed_ = 0;
  std::vector<std::uint64_t> removed_ = std::vector<std::uint64_t>(removals);
  std::uint64_t& last_removal(std::string_view key) {
    return removed_[std::hash<std::string_view>{}(key) % removals];
  }
  using Entries = std::list<Entry>;
  /// Null if it has none, once those are forgotten that are too old.
  Entry* find(std::string_view key, TimePoint now);
  static std::optional<Miss> confirmed(Entry& entry, const Arrival& arrival);
  static void forget_slots(Entry& entry, TimePoint now);
  void drop(Entries::iterator entry);
};

}  // namespace pannier::policies
