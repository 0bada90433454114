#pragma once

#include <memory>
#include <vector>

#include "proxy/channel_source.hpp"
#include "proxy/event_intake.hpp"
#include "proxy/hooks.hpp"
#include "proxy/own_calls.hpp"
#include "proxy/schedule_runner.hpp"
#include "proxy/server.hpp"

namespace pannier::proxy {

/// Everything that happens without a client: events and where they come from, schedules,
/// and hooks.
class AutomationRunner {
 public:
  explicit AutomationRunner(Server& server);
  ~AutomationRunner();

  /// Takes up what the server's settings say now; at the start, and after each reload.
  void reload();
  EventIntake& events() { return intake_; }

 private:
  void tick();

  Server& server_;
  OwnCalls calls_;
  EventIntake intake_;
  ScheduleRunner schedules_;
  Hooks hooks_;
  std::vector<std::shared_ptr<ChannelSource>> channels_;
  Timer clock_;
};

}  // namespace pannier::proxy
