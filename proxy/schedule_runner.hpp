#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policies/schedule.hpp"
#include "proxy/own_calls.hpp"
#include "proxy/server.hpp"
#include "proxy/sql_jobs.hpp"

namespace pannier::proxy {

/// What Pipeline::warm() has answered, as words for a log.
std::string told_of_warming(std::string_view reply);

/// Runs schedules. Each time is claimed in Redis by one sidecar of the fleet, and by another one if
/// the first has not said within 30 s that it is done; while Redis is away
/// each runs it by itself, into its journal, which costs a load more and misses nothing.
class ScheduleRunner {
 public:
  ScheduleRunner(Server& server, OwnCalls& calls, SqlJobs& jobs)
      : server_(server), calls_(calls), jobs_(jobs) {}
  /// Other schedules from now on. One that was there before, by its name, goes on where it was.
  void reload(const policies::Settings& settings);
  /// Time passed: begins what is due.
  void tick();

 private:
  struct Running {
    policies::Schedule schedule;
    policies::ServerTime since;  ///< All up to then has been seen to.
    bool caught_up = false;      ///< What may have been missed before the start, too.
    /// Another sidecar is at it; whether it has done it is asked again then.
    std::optional<policies::Schedule::Run> elsewhere = {};
    policies::TimePoint ask_at{};
  };
  Running* find(std::string_view name);
  void look(Running& running, policies::ServerTime now);
  void claim(const policies::Schedule& schedule, policies::Schedule::Run run, bool is_start);
  void run(const policies::ScheduleSettings& settings, policies::Schedule::Run run);
  void invalidate(const policies::ScheduleSettings& settings, policies::Schedule::Run run);
  /// What it warms, each sidecar by itself: copies are each one's own.
  void warm(const policies::ScheduleSettings& settings, policies::Schedule::Run run);
  void finish(const std::string& name, policies::ServerTime time);

  Server& server_;
  OwnCalls& calls_;
  SqlJobs& jobs_;
  std::vector<Running> schedules_;
};

}  // namespace pannier::proxy
