#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tools/bench_load/socket.hpp"
#include "tools/bench_readers/wire.hpp"

namespace bench_readers {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

/// Readers of one key that do what applications do: GET; nil, so load the value (here: wait) and
/// SET it. Many readers share a connection, as they do in a client that pipelines: each of its
/// commands is sent at once, whatever is still unanswered.
class Crowd {
 public:
  struct Settings {
    std::vector<std::string> addresses;  ///< The connections go to these in turn.
    std::size_t connections = 1;
    std::string key;
    milliseconds load{100};
    milliseconds ttl{60'000};  ///< Of the SET.
  };

  /// \throws std::system_error when a connection cannot be opened.
  explicit Crowd(const Settings& settings);

  /// The value is there from the beginning: nobody has to wait for the first load.
  void seed();
  /// One reader more, on the next connection in turn; sent with the next run_until().
  void ask();
  /// Serves the connections until `done`, at least until `from` (at most 30 s longer).
  /// \throws std::runtime_error when it takes longer, or at an error reply.
  void run_until(Clock::time_point from, const std::function<bool()>& done);
  /// Everybody has a value.
  bool idle() const { return open_ == 0; }

  std::size_t readers = 0;       ///< That asked.
  std::size_t loads = 0;         ///< That were told nil.
  std::size_t cycles = 0;        ///< Loads that began while there was no other.
  std::vector<double> waits_ms;  ///< Of those who did not load: from asking to the value.
  std::vector<double> reads_ms;  ///< Round trips of all GETs.
  std::vector<double> loads_ms;  ///< Of those who did: from asking to the end of their SET.

 private:
  struct Sent {
    bool is_set;
    Clock::time_point asked;  ///< By its reader, with the GET.
  };
  struct Connection {
    Wire wire;
    std::deque<Sent> sent;  ///< Without reply.
    bool dirty = false;
  };
  struct Load {
    Clock::time_point ends, asked;
    Connection* connection;
  };

  void flush();
  void settle(Connection& connection, const Reply& reply, Clock::time_point now);
  void end_loads(Clock::time_point now);
  int pause(Clock::time_point from, Clock::time_point now) const;

  Settings settings_;
  std::string value_;
  bench_load::Socket epoll_;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::deque<Load> under_way_;  ///< In the order in which they end.
  std::size_t open_ = 0;
};

/// The value below which `share` of all lie; 0 when there are none. Sorts them.
double percentile(std::vector<double>& values, double share);

}  // namespace bench_readers
