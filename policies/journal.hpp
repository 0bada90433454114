#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

namespace pannier::policies {

/// Invalidations that could not reach upstream, in the order in which they were asked for.
///
/// Each can be carried out any number of times, so none is kept twice, and what is not known to
/// have been carried out is carried out again. The journal is bounded; where there is no room the
/// invalidations of a database are widened to bans that cover whatever they were about. It is
/// lost with the process.
class Journal {
 public:
  enum class Kind : std::uint8_t { key, tag, ban };
  struct Entry {
    Kind kind = Kind::key;
    std::uint32_t db = 0;
    std::string name;   ///< Upstream's name of the key, the tag, or the ban's text.
    bool soft = false;  ///< Of a tag: its values become stale. (Of keys it cannot be; bans say so.)
    /// It was carried out shortly before upstream was lost, which may have lost it as well. Keys
    /// that are not under rules are left alone then.
    bool again = false;
    bool operator==(const Entry&) const = default;
  };
  /// What the names may take together, for each entry that may be kept.
  static constexpr std::size_t bytes_per_entry = 256;

  /// Takes an invalidation, unless what is there covers it.
  /// \returns false where there is no room: more than `most` entries, or their names are too long.
  bool add(Entry entry, std::size_t most);
  /// Of that database everything from now on is what `bans` cover: they take the place of its keys
  /// and tags. Bans that were asked for stay.
  void widen(std::uint32_t db, const std::vector<std::string>& bans);
  /// The databases that entries are about.
  std::set<std::uint32_t> databases() const;

  std::size_t size() const { return entries_.size(); }
  bool empty() const { return entries_.empty(); }
  const Entry& operator[](std::size_t i) const { return entries_[i]; }
  /// The first `count` entries have been carried out.
  void pop(std::size_t count);

 private:
  static std::string id(const Entry& entry);

  std::deque<Entry> entries_;
  std::unordered_set<std::string> known_;  ///< Their ids.
  std::set<std::uint32_t> wide_;
  std::size_t bytes_ = 0;  ///< Of the names.
};

}  // namespace pannier::policies
