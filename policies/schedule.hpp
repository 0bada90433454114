#pragma once

#include <optional>
#include <string>

#include "policies/automation.hpp"
#include "policies/cron.hpp"

namespace pannier::policies {

/// When a schedule runs: at the times of a cron, or once in so long, counted from 1970 so that all
/// sidecars mean the same times. Jitter puts each off by some share of it that all know, too.
class Schedule {
 public:
  /// \returns the schedule, or a sentence that says what is wrong with the settings.
  static boost::system::result<Schedule, std::string> make(const ScheduleSettings& settings);

  struct Run {
    ServerTime time;       ///< The time it is for, without jitter: what is claimed in the fleet.
    bool is_late = false;  ///< It makes up for a time, or for many, at which nobody was there.
  };
  /// What is due at `now`, if all up to `since` has been seen to: the latest time that has come,
  /// alone, however many were missed. Nothing if none has come, or only ones that are not to be
  /// made up for. What it returns, or would have, is behind whoever asks: see `seen`.
  std::optional<Run> due(ServerTime since, ServerTime now) const;
  /// The latest time whose turn has come, jitter included; what `since` is to be from then on.
  ServerTime seen(ServerTime now) const;

  ServerTime next_after(ServerTime time) const;
  ServerTime last_until(ServerTime time) const;
  const ScheduleSettings& settings() const { return settings_; }

 private:
  explicit Schedule(ScheduleSettings settings) : settings_(std::move(settings)) {}
  milliseconds delay(ServerTime time) const;

  ScheduleSettings settings_;
  std::optional<Cron> cron_;  ///< Else `every` counts.
};

}  // namespace pannier::policies
