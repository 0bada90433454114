#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/loop.hpp"

namespace pannier::proxy {

struct SqlListenerSettings {
  std::string url;                    ///< Not of a transaction pool, which cannot listen.
  std::vector<std::string> channels;  ///< Names as they are, unquoted; case matters.
  policies::milliseconds connect_timeout{2000};
  policies::milliseconds heartbeat{5000};  ///< So often it is asked whether it is alive.
  policies::milliseconds heartbeat_timeout{2000};
};

struct SqlListenerStatus {
  bool listening = false;
  std::uint64_t notifications = 0, gaps = 0, failures = 0;
  std::string last_error;  ///< Without passwords.
};

/// Hears what is notified on channels of PostgreSQL, over a connection of its own.
///
/// PostgreSQL forgets who is away: after each reconnect there may be a gap. A connection that is
/// silent is asked something now and then, because silence is not the same as no news.
class SqlListener {
 public:
  struct Events {
    std::function<void(const std::string& channel, const std::string& payload)> notified;
    /// It listens again after it had listened before, or after attempts in vain; what was notified
    /// meanwhile is lost. Never where the first attempt succeeds.
    std::function<void()> gap;
  };

  /// Events come later, from the loop, until stop() or the end; they may destroy the listener.
  SqlListener(Loop& loop, SqlListenerSettings settings, Events events);
  ~SqlListener();

  void stop();
  SqlListenerStatus status() const;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace pannier::proxy
