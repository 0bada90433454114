#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "policies/tag_names.hpp"
#include "policies/time.hpp"

namespace pannier::policies {

/// When a tag was last invalidated, as upstream's record of it says: `<hard>`, or `<hard> <soft>`
/// where later a soft invalidation made values stale that are older than that.
struct Generation {
  ServerTime hard{};
  ServerTime soft{};  ///< Not before `hard`, or the epoch: there was none since.

  Generation() = default;
  // A moment is the generation of which nothing softer is known.
  Generation(ServerTime at) : hard(at) {}  // NOLINT(google-explicit-constructor)
  static std::optional<Generation> parse(std::string_view record);
  std::string text() const;
  ServerTime last() const { return std::max(hard, soft); }
};

/// What is known here of the tags' generations: a value under a tag is valid only if its load
/// began after the tag's generation, the server time of its last invalidation.
///
/// The truth is upstream, one key a tag. What was read over the lane is tracked by Redis, so it
/// counts as current until a push says otherwise, the lane is lost or has been silent too long.
/// Where several answers meet the newest wins: a generation never goes back. Tags are what they
/// are; only here they get the names that upstream's keys have (tag_name()).
class TagGenerations {
 public:
  static constexpr std::string_view key_prefix = "pn:g:", index_prefix = "pn:t:";
  /// Upstream's record of when any tag was last invalidated: where it is older than a value, no tag
  /// was since, not even one whose generation is lost or was never known.
  static constexpr std::string_view any_key = "pn:i";
  static constexpr std::size_t capacity = 200'000;  ///< Beyond it everything is read again.

  struct Known {
    Generation generation;
    bool current = false;     ///< Nothing newer can have reached us unseen.
    bool pushed = false;      ///< Upstream said that it changed, and it was not read since.
    TimePoint renewed;        ///< When its life upstream was last prolonged.
    std::uint64_t moved = 0;  ///< When it became what it is: a stamp of the local copies.
  };

  /// Upstream's key of a tag.
  static std::string key(std::string_view tag) { return std::string(key_prefix) += tag_name(tag); }
  /// Upstream's list of its keys.
  static std::string index(std::string_view tag) {
    return std::string(index_prefix) += tag_name(tag);
  }

  /// What is known of a tag; null when nothing.
  const Known* find(std::uint32_t db, std::string_view tag) const;

  /// A read said so: one of the lane, tracked from now on, or any other answer.
  enum class Source { tracked_read, other };
  /// \returns whether that is newer than what was known; then say when it moved.
  bool learn(std::uint32_t db, std::string_view tag, Generation generation, TimePoint now,
             Source source);
  void moved(std::uint32_t db, std::string_view tag, std::uint64_t stamp);
  /// Upstream's key of a tag changed; pushes do not say in which database.
  void outdate(std::string_view tag);
  /// The lane was lost, or everything was flushed: all of it must be read again.
  void outdate_all();
  void renewed(std::uint32_t db, std::string_view tag, TimePoint now);

  std::size_t size() const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  using Tags = std::unordered_map<std::string, Known, Hash, std::equal_to<>>;
  Known* edit(std::uint32_t db, std::string_view tag);
  std::map<std::uint32_t, Tags> known_;  ///< By database.
};

}  // namespace pannier::policies
