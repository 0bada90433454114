#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "policies/cached_entry.hpp"
#include "policies/eviction.hpp"
#include "policies/local_index.hpp"
#include "policies/time.hpp"

namespace pannier::policies {

/// Copies of what upstream holds, found by database and key and bounded by bytes.
///
/// Under one key there is a string's value, or whole replies of other reads of that key, each found
/// by what was asked (`question`: empty for the string itself). They are stored and dropped
/// together. Whether a copy may still be served is the caller's to judge: the store knows only its
/// deadline, and a `stamp` that the caller compares (a number that grows with everything that can
/// make copies wrong at once, such as a lost connection).
///
/// Deadlines are kept in steps of 16.4 ms, rounded down: a copy may be over that much early, never
/// late. Replies to many questions about one key are bounded together by `largest`; the oldest of
/// them are dropped for a new one.
class LocalCache {
 public:
  /// A larger key or reply is not kept.
  static constexpr std::size_t largest = 64 * 1024;

  struct Copy {
    /// As it was stored; valid until the next call that changes the cache.
    std::string_view reply;
    std::uint32_t stamp = 0;
  };

  explicit LocalCache(std::size_t max_bytes);

  /// The copy of that reply, unless its deadline is over; counts as a use of it.
  std::optional<Copy> find(std::uint32_t db, std::string_view key, std::string_view question,
                           TimePoint now);

  /// Keeps a copy until `deadline`. What else is there under the key stays, and all of it then has
  /// the older stamp and the earlier deadline of both.
  /// \returns false when it was not kept: too large, or over already.
  bool store(std::uint32_t db, std::string_view key, std::string_view question,
             std::string_view reply, std::uint32_t stamp, TimePoint deadline, TimePoint now);

  /// Whether there is something under the key that is neither over nor older than that stamp.
  bool holds(std::uint32_t db, std::string_view key, std::uint32_t smallest_stamp,
             TimePoint now) const;

  /// When the copy of a string's value is over, which is not counted as a use; nothing where there
  /// is none.
  struct Kept {
    TimePoint until;
    std::uint32_t stamp = 0;
  };
  std::optional<Kept> look(std::uint32_t db, std::string_view key) const;

  /// Drops everything under the key. \returns whether there was something.
  bool erase(std::uint32_t db, std::string_view key);
  /// The same in all databases.
  void erase_everywhere(std::string_view key);

  /// Copies with a smaller stamp are never served again: sweep() and eviction take them first.
  void outdate(std::uint32_t smallest_stamp);
  /// Drops all of it at once; takes as long as there are entries.
  void clear();
  /// Looks at the next `entries` and removes what is over or outdated; goes on where it stopped.
  void sweep(TimePoint now, std::size_t entries);
  /// Changes the bound; evicts at once where it shrinks.
  void resize(std::size_t max_bytes);

  std::size_t size() const;         ///< Keys.
  std::size_t bytes() const;        ///< With all overhead: index, headers, allocator, eviction.
  std::uint64_t evictions() const;  ///< Since start, by the bound.

 private:
  using Id = LocalIndex::Id;

  std::uint32_t step_of(TimePoint deadline) const;
  bool is_over(const CachedEntry& entry, TimePoint now) const;
  /// How many entries there is room for, were all like those that are here.
  std::size_t capacity() const;
  void note(std::uint32_t db);
  bool erase(std::uint32_t db, std::string_view key, std::uint64_t hash);
  void erase(Id id);
  void evict();
  void fit(TimePoint now);

  std::size_t max_bytes_;
  std::optional<TimePoint> start_;  ///< Of the steps: the first time that was heard of.
  std::uint32_t smallest_stamp_ = 0;
  LocalIndex index_;
  Eviction eviction_;
  std::vector<std::uint16_t> databases_;  ///< Those that may hold something.
  Id hand_ = 0;                           ///< Where sweep() goes on.
  std::size_t unswept_ = 0;               ///< Entries not looked at since the last outdate().
  std::uint64_t evictions_ = 0;
};

}  // namespace pannier::policies
