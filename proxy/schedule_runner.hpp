#pragma once

#include <vector>

#include "policies/schedule.hpp"
#include "proxy/own_calls.hpp"
#include "proxy/server.hpp"

namespace pannier::proxy {

/// Runs schedules. Each time is claimed in Redis by one sidecar of the fleet; while Redis is away
/// each runs it by itself, into its journal, which costs a load more and misses nothing.
class ScheduleRunner {
 public:
  ScheduleRunner(Server& server, OwnCalls& calls) : server_(server), calls_(calls) {}
  /// Other schedules from now on. One that was there before, by its name, goes on where it was.
  void reload(const policies::Settings& settings);
  /// Time passed: begins what is due.
  void tick();

 private:
  struct Running {
    policies::Schedule schedule;
    policies::ServerTime since;  ///< All up to then has been seen to.
    bool caught_up = false;      ///< What may have been missed before the start, too.
  };
  void claim(const policies::Schedule& schedule, policies::Schedule::Run run, bool is_start);
  void run(const policies::ScheduleSettings& settings, policies::Schedule::Run run);

  Server& server_;
  OwnCalls& calls_;
  std::vector<Running> schedules_;
};

}  // namespace pannier::proxy
