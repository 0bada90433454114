#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "policies/time.hpp"
#include "policies/version_weights.hpp"

namespace pannier::policies {

/// What upstream knows of a version, in `pn:v:<name>`:
///
///     current bumped_at grace previous top pinned weights
///
/// with times in server milliseconds, weights as `2:90,3:10`, `0` for none, or `-` while nobody has
/// said any. Sidecars before the last four read and wrote only the first three.
struct VersionRecord {
  std::uint64_t current = 0;   ///< 0: there is no record.
  ServerTime bumped_at{};      ///< When it became current; the epoch when never.
  milliseconds grace{0};       ///< How long after that the version before stays readable.
  std::uint64_t previous = 0;  ///< Current before it; 0 when there was none.
  std::uint64_t top = 0;       ///< The newest that any client was ever given.
  bool pinned = false;         ///< Everybody uses the current one, and it is not bumped.
  bool has_weights = false;    ///< An operator has said which, and be it none.
  VersionWeights weights;      ///< Of the current version and newer ones; empty: all use current.

  /// What makes no sense counts as not there.
  static VersionRecord parse(std::string_view text);
  std::string text() const;
  /// The same behind its first two numbers.
  std::string rest() const;
};

/// What an operator does to a version.
struct VersionChange {
  enum class What : std::uint8_t { raise, weigh, pin, unpin } what = What::raise;
  std::uint64_t version = 0;  ///< weigh: the oldest that has a weight; pin: which one.
  milliseconds grace{0};      ///< If another version becomes current.
  std::uint64_t current = 0;  ///< The current version as it is known here, ...
  std::uint64_t top = 0;      ///< ... and the newest, the new weights' included.
  std::string weights{"0"};   ///< weigh: as in the record.
};
/// What the script calls it.
std::string_view name_of(VersionChange::What what);

/// Does what scripts::change_version does. \returns the new record, or why not: an error's text.
std::string change_version(std::string_view record, const VersionChange& change, std::int64_t now,
                           bool& refused);

}  // namespace pannier::policies
