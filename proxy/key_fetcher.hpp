#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <string>

#include "policies/origin.hpp"
#include "policies/verdict.hpp"
#include "proxy/own_calls.hpp"

namespace pannier::proxy {

/// Reads keys for the pipeline: those that clients wait for at once, of others no more at a time
/// than their origin may be asked for, so that none waits there for its turn until it is too late.
/// While the loop or upstream is loaded the others wait, but for one of each origin every
/// `least_pace`.
class KeyFetcher {
 public:
  KeyFetcher(Server& server, OwnCalls& calls)
      : server_(server), calls_(calls), timer_(server.loop()) {}
  /// Of one origin.
  static constexpr std::size_t most_at_once = 8, most_waiting = 10'000;
  static constexpr std::size_t most_urgent = 256, most_urgent_waiting = 50'000;
  static constexpr policies::milliseconds least_pace{1'000}, between_looks{50};

  /// Effects::fetch(): may be called from inside the pipeline.
  bool take(policies::KeyFetch fetch);

 private:
  struct Queue {
    std::deque<policies::KeyFetch> waiting;
    std::size_t running = 0;
    policies::TimePoint started{};  ///< The last one.
  };
  const policies::OriginSettings* origin_of(const std::string& key) const;
  void start_urgent();
  void start_next(const std::string& origin);
  /// Whether one that nobody waits for may begin now.
  bool may_start(Queue& queue);
  void look_later();
  void start(const policies::KeyFetch& fetch, std::function<void()> then);

  Server& server_;
  OwnCalls& calls_;
  Timer timer_;
  policies::TimePoint told_{};            ///< The log.
  std::deque<policies::KeyFetch> fresh_;  ///< Taken in this turn.
  std::deque<policies::KeyFetch> urgent_;
  std::size_t urgent_running_ = 0;
  std::map<std::string, Queue> queues_;  ///< By origin: those that are not urgent.
  bool is_posted_ = false, looks_later_ = false;
};

}  // namespace pannier::proxy
