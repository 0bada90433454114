#pragma once

#include <memory>
#include <vector>

#include "proxy/channel_source.hpp"
#include "proxy/event_intake.hpp"
#include "proxy/hooks.hpp"
#include "proxy/key_fetcher.hpp"
#include "proxy/own_calls.hpp"
#include "proxy/schedule_runner.hpp"
#include "proxy/server.hpp"
#include "proxy/table_writer.hpp"

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
  /// Whether what is warmed at the start is there, or has taken too long, or has to wait for an
  /// upstream that is down.
  bool is_warm() const;

 private:
  void tick();
  void warm_at_start(policies::TimePoint now);

  enum class Start : std::uint8_t { cold, warming, warm };
  Server& server_;
  OwnCalls calls_;
  KeyFetcher fetcher_;
  Start start_ = Start::cold;
  std::size_t warming_ = 0;  ///< Sets.
  policies::TimePoint cold_until_{};
  EventIntake intake_;
  SqlJobs jobs_;
  TableWriter tables_;
  ScheduleRunner schedules_;
  Hooks hooks_;
  std::vector<std::shared_ptr<ChannelSource>> channels_;
  Timer clock_;
};

}  // namespace pannier::proxy
