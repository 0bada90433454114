#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "policies/date.hpp"

namespace pannier::policies {

/// A TTL that depends on a day in the key: `{when: "date({day}) is today", then: 5m, else: 30d}`.
///
/// When a value began is told by its expiry less the life of its key, so a life must never become
/// shorter as days pass: what was stored for long would look as if it had just begun. Therefore the
/// days to come count as today, and of both TTLs the one that comes later must be the longer one.
struct DatedTtl {
  enum class Days : std::uint8_t {
    none,    ///< No such condition.
    today,   ///< `is today`: today and the days to come.
    before,  ///< `is before today`
    after,   ///< `is after today`
  } days = Days::none;
  std::string capture;
  milliseconds then{0}, otherwise{0};  ///< A capture that is no date takes the second.

  explicit operator bool() const { return days != Days::none; }
  /// \param captured what the key has in the place of the capture.
  milliseconds ttl(std::string_view captured, Date today) const;
  milliseconds longest() const { return then > otherwise ? then : otherwise; }
  /// Whether a key's life only ever grows as days pass.
  bool only_grows() const { return days == Days::before ? then >= otherwise : then <= otherwise; }

  /// Reads `date({day}) is today` into capture and days. \returns what is wrong with it; else
  /// empty.
  std::string read_condition(std::string_view text);
  std::string condition() const;
};

}  // namespace pannier::policies
