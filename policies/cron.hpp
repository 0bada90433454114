#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "policies/date.hpp"
#include "policies/time.hpp"

namespace pannier::policies {

/// Times as crontab(5) writes them: minute, hour, day of month, month, day of week, in UTC.
///
///     0 0 * * *    30 6-18/2 * * mon-fri    0 0 1,15 * *    @monthly
///
/// Each is `*`, a number, a range `a-b`, a list `a,b-c`, or one of the first and third with a step
/// `/n`; months and days of the week may be named by three letters, and Sunday is 0 and 7. Where
/// neither day begins with `*` one of them is enough, as in every cron since Version 7.
class Cron {
 public:
  /// \returns the times, or a sentence that says what is wrong, also with times that never come.
  static boost::system::result<Cron, std::string> parse(std::string_view text);

  /// The first time after `time`, and the last one not after it.
  ServerTime next_after(ServerTime time) const;
  ServerTime last_until(ServerTime time) const;

 private:
  bool has(Date day) const;

  std::uint64_t minutes_ = 0;  ///< A bit each.
  std::uint32_t hours_ = 0, days_ = 0, months_ = 0, weekdays_ = 0;
  bool any_day_ = false, any_weekday_ = false;  ///< They begin with `*`.
};

}  // namespace pannier::policies
