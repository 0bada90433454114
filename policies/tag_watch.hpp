#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "policies/tag_generations.hpp"

namespace pannier::policies {

class Core;
struct Subject;

/// The tags whose invalidation somebody wants to hear of, whoever does it. Their generations are
/// read over the lane, tracked from then on, and read again whenever upstream pushes that they have
/// changed: what then is newer than what was told is an invalidation by somebody else.
///
/// Nothing of this costs anything while nobody watches.
class TagWatch {
 public:
  static constexpr std::size_t capacity = 10'000;  ///< Tags.

  /// From now on these, in database `db`. `on`: somebody watches, be it without any tag. `floor`: a
  /// server time not later than now.
  void set(std::uint32_t db, const std::set<std::string>& tags, bool on, ServerTime floor);

  bool on() const { return on_; }
  std::uint32_t db() const { return db_; }
  bool has(std::string_view tag) const { return on_ && tags_.contains(std::string(tag)); }

  /// Whether a ban made at `at` in database `db` is to be told of.
  bool awaits(std::uint32_t db, ServerTime at) const { return on_ && db == db_ && at >= since_; }

  /// Upstream's record of a tag changed, or may have unheard: read_watched() reads it again.
  void outdate(std::string_view tag);
  void outdate_all();
  /// An invalidation of the tag was told of otherwise: it need not be told as a change.
  void told(std::string_view tag, Generation generation);

 private:
  friend class WatchedRead;
  friend void read_watched(Core& core);
  /// What was told of each, once it has been read.
  std::unordered_map<std::string, std::optional<Generation>> tags_;
  std::set<std::string, std::less<>> due_;
  std::uint32_t db_ = 0;
  ServerTime since_{};  ///< When somebody began to watch.
  bool on_ = false;
};

/// Reads what is due over the lane, and tells of what has changed.
void read_watched(Core& core);

/// A value was stored under this key: tells of it if one of its tags is watched.
void tell_stored(Core& core, const Subject& subject);

}  // namespace pannier::policies
