#include "tools/bench_load/load.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <span>
#include <stdexcept>
#include <system_error>

namespace bench_load {
namespace {

constexpr int silence_limit_ms = 5000;
constexpr std::size_t buffer_bytes = 256 * 1024;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

Load::Load(const Options& options)
    : options_(options),
      requests_(options),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      buffer_(buffer_bytes) {
  if (epoll_.fd() < 0) fail("epoll_create1");
  connections_.reserve(options.connections);
  for (std::size_t i = 0; i < options.connections; ++i) {
    connections_.push_back({connect_to(options.address),
                            {requests_.reply_head(), requests_.reply_rest()},
                            i * options.keys / options.connections});
    await(connections_.back(), EPOLLIN, EPOLL_CTL_ADD);
  }
}

Slice Load::run(double seconds, std::size_t connections) {
  deadline_ = Clock::now() +
              std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
  batches_left_ = std::numeric_limits<std::uint64_t>::max();
  return run_until_done(connections);
}

Slice Load::run_once_over_keys() {
  deadline_ = Clock::time_point::max();
  batches_left_ = (options_.keys + options_.pipeline - 1) / options_.pipeline;
  connections_.front().next_key = 0;
  return run_until_done(1);
}

Slice Load::run_until_done(std::size_t connections) {
  latency_.clear();
  received_ = 0;
  const auto begin = Clock::now();
  for (auto& connection : std::span(connections_).first(std::min(connections, connections_.size())))
    begin_batch(connection, begin);
  std::array<epoll_event, 256> events;
  while (busy_ > 0) {
    const int ready =
        ::epoll_wait(epoll_.fd(), events.data(), int(events.size()), silence_limit_ms);
    if (ready < 0 && errno != EINTR) fail("epoll_wait");
    if (ready == 0) throw std::runtime_error("no reply for 5 seconds");
    for (int i = 0; i < ready; ++i) {
      auto& connection = *static_cast<Connection*>(events[std::size_t(i)].data.ptr);
      if (events[std::size_t(i)].events & EPOLLOUT) finish_batch(connection);
      if (events[std::size_t(i)].events & ~std::uint32_t(EPOLLOUT)) receive(connection);
    }
  }
  Slice slice;
  slice.requests = received_;
  slice.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  slice.p50_ns = latency_.percentile(.50);
  slice.p99_ns = latency_.percentile(.99);
  for (auto& connection : connections_) {
    slice.errors += connection.replies.take_errors();
    if (slice.first_error.empty()) slice.first_error = connection.replies.first_error();
  }
  return slice;
}

void Load::begin_batch(Connection& connection, Clock::time_point now) {
  if (batches_left_ == 0 || now >= deadline_) return;
  --batches_left_;
  ++busy_;
  connection.sent_at = now;
  connection.owed = options_.pipeline;
  connection.unsent = requests_.batch(connection.next_key);
  connection.next_key = requests_.after(connection.next_key);
  send_rest(connection);
  if (!connection.unsent.empty()) await(connection, EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
}

/// EPOLLOUT is asked for exactly while something is unsent.
void Load::finish_batch(Connection& connection) {
  send_rest(connection);
  if (connection.unsent.empty()) await(connection, EPOLLIN, EPOLL_CTL_MOD);
}

void Load::send_rest(Connection& connection) {
  const auto sent = ::send(connection.socket.fd(), connection.unsent.data(),
                           connection.unsent.size(), MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN) fail("send");
  if (sent > 0) connection.unsent.remove_prefix(std::size_t(sent));
}

void Load::receive(Connection& connection) {
  const auto size = ::recv(connection.socket.fd(), buffer_.data(), buffer_.size(), 0);
  if (size == 0) throw std::runtime_error("the peer closed a connection");
  if (size < 0 && errno == EAGAIN) return;
  if (size < 0) fail("recv");
  const auto replies = connection.replies.feed({buffer_.data(), std::size_t(size)});
  if (replies > connection.owed) throw std::runtime_error("more replies than requests");
  connection.owed -= replies;
  received_ += replies;
  if (replies == 0 || connection.owed > 0) return;
  --busy_;
  const auto now = Clock::now();
  latency_.add(std::uint64_t(std::chrono::nanoseconds(now - connection.sent_at).count()));
  begin_batch(connection, now);
}

void Load::await(Connection& connection, std::uint32_t events, int operation) {
  epoll_event event{};
  event.events = events;
  event.data.ptr = &connection;
  if (::epoll_ctl(epoll_.fd(), operation, connection.socket.fd(), &event) != 0) fail("epoll_ctl");
}

}  // namespace bench_load
