#pragma once

#include <cstddef>
#include <deque>

#include "policies/verdict.hpp"
#include "proxy/own_calls.hpp"

namespace pannier::proxy {

/// Reads keys for the pipeline: those that clients wait for at once, others few at a time.
class KeyFetcher {
 public:
  KeyFetcher(Server& server, OwnCalls& calls) : server_(server), calls_(calls) {}
  static constexpr std::size_t most_at_once = 8, most_waiting = 10'000;

  /// Effects::fetch(): may be called from inside the pipeline.
  bool take(policies::KeyFetch fetch);

 private:
  void start_next();
  void start(const policies::KeyFetch& fetch);

  Server& server_;
  OwnCalls& calls_;
  std::deque<policies::KeyFetch> urgent_, waiting_;
  std::size_t running_ = 0;  ///< Of those that were not urgent.
  bool is_posted_ = false;
};

}  // namespace pannier::proxy
