#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tools/bench_load/histogram.hpp"
#include "tools/bench_load/options.hpp"
#include "tools/bench_load/reply_counter.hpp"
#include "tools/bench_load/requests.hpp"
#include "tools/bench_load/socket.hpp"

namespace bench_load {

/// What one slice of load gave.
struct Slice {
  std::uint64_t requests = 0;
  double seconds = 0;                    ///< Until the last reply was in.
  std::uint64_t p50_ns = 0, p99_ns = 0;  ///< Round trip of a batch.
  std::uint64_t errors = 0;
  std::string first_error;
};

/// Closed-loop load on one thread: each connection sends a batch, waits for all its replies and
/// sends the next. Everything sent is built beforehand, replies are only counted, and the clock is
/// read once per batch, so that the generator is not what is measured.
///
///     idle --run--> awaiting replies --last reply--> awaiting replies (the next batch)
///                                    `-- time is up --> idle
class Load {
 public:
  /// Opens all connections. \throws std::system_error
  explicit Load(const Options& options);

  /// Sends batches over the first `connections` connections for `seconds`, then waits until no
  /// reply is owed. \throws std::runtime_error when the peer closes, is silent for 5 s or
  /// answers something else than asked.
  Slice run(double seconds, std::size_t connections);

  /// Sends every key once, over the first connection.
  Slice run_once_over_keys();

 private:
  using Clock = std::chrono::steady_clock;

  struct Connection {
    Socket socket;
    ReplyCounter replies;
    std::size_t next_key;       ///< Where its next batch begins.
    std::size_t owed = 0;       ///< Replies of the batch under way.
    std::string_view unsent{};  ///< What the socket did not take yet.
    Clock::time_point sent_at{};
  };

  Slice run_until_done(std::size_t connections);
  void begin_batch(Connection& connection, Clock::time_point now);
  void finish_batch(Connection& connection);
  void send_rest(Connection& connection);
  void receive(Connection& connection);
  void await(Connection& connection, std::uint32_t events, int operation);

  Options options_;
  Requests requests_;
  Socket epoll_;
  std::vector<Connection> connections_;
  std::vector<char> buffer_;
  Histogram latency_;
  Clock::time_point deadline_{};
  std::uint64_t batches_left_ = 0;
  std::uint64_t received_ = 0;
  std::size_t busy_ = 0;  ///< Connections with a batch under way.
};

}  // namespace bench_load
