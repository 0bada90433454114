#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <ctime>

#include "policies/time.hpp"

namespace pannier::proxy {

namespace asio = boost::asio;

/// The one event loop of the data path, run by one thread. Its hint is "unsafe I/O": no locks
/// around sockets; the queue keeps its lock, because the thread that resolves names posts to it.
using Loop = asio::io_context;
using Executor = Loop::executor_type;

/// A connection over TCP or a Unix socket, with the executor's type spelled out: the type-erased
/// one costs an allocation and a virtual call per wait.
using Socket = asio::basic_stream_socket<asio::generic::stream_protocol, Executor>;
using Timer = asio::basic_waitable_timer<std::chrono::steady_clock,
                                         asio::wait_traits<std::chrono::steady_clock>, Executor>;

/// Monotonic time that counts suspension: what was believed before a pause is old after it.
inline policies::TimePoint monotonic_now() {
  timespec time{};
  ::clock_gettime(CLOCK_BOOTTIME, &time);
  return policies::TimePoint(std::chrono::duration_cast<policies::microseconds>(
      std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec)));
}

inline policies::ServerTime wall_now() {
  return policies::ServerTime(std::chrono::duration_cast<policies::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch()));
}

}  // namespace pannier::proxy
