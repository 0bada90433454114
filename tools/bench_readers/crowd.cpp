#include "tools/bench_readers/crowd.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

namespace bench_readers {
namespace {

constexpr std::chrono::seconds patience{30};

double ms_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

}  // namespace

double percentile(std::vector<double>& values, double share) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[std::min(values.size() - 1, std::size_t(share * double(values.size())))];
}

Crowd::Crowd(const Settings& settings)
    : settings_(settings),
      value_("value of " + settings.key),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  for (std::size_t i = 0; i < settings.connections; ++i) {
    connections_.push_back(std::make_unique<Connection>(
        Wire(settings.addresses[i % settings.addresses.size()]), std::deque<Sent>()));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = connections_.back().get();
    if (::epoll_ctl(epoll_.fd(), EPOLL_CTL_ADD, connections_.back()->wire.fd(), &event) != 0)
      throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }
}

void Crowd::seed() {
  const auto ttl = std::to_string(settings_.ttl.count());
  if (connections_.front()->wire.call({"SET", settings_.key, value_, "PX", ttl}).error)
    throw std::runtime_error("the key cannot be set");
}

void Crowd::ask() {
  auto& connection = *connections_[readers % connections_.size()];
  ++readers;
  ++open_;
  connection.wire.ask({"GET", settings_.key});
  connection.sent.push_back({false, Clock::now()});
  connection.dirty = true;
}

void Crowd::flush() {
  for (auto& connection : connections_) {
    if (connection->dirty) connection->dirty = !connection->wire.flush();
  }
}

int Crowd::pause(Clock::time_point from, Clock::time_point now) const {
  auto until = from > now ? from : now + milliseconds(100);
  if (!under_way_.empty()) until = std::min(until, under_way_.front().ends);
  for (const auto& connection : connections_) {
    if (connection->dirty) until = now + milliseconds(1);
  }
  return std::max(0, int(std::chrono::ceil<milliseconds>(until - now).count()));
}

void Crowd::run_until(Clock::time_point from, const std::function<bool()>& done) {
  const auto deadline = std::max(from, Clock::now()) + patience;
  std::array<epoll_event, 256> events;
  for (auto now = Clock::now(); now < from || !done(); now = Clock::now()) {
    if (now > deadline) throw std::runtime_error("readers still wait after 30 seconds");
    end_loads(now);
    flush();
    const int ready =
        ::epoll_wait(epoll_.fd(), events.data(), int(events.size()), pause(from, Clock::now()));
    if (ready < 0 && errno != EINTR) throw std::system_error(errno, std::generic_category());
    for (int i = 0; i < ready; ++i) {
      auto& connection = *static_cast<Connection*>(events[std::size_t(i)].data.ptr);
      connection.wire.receive();
      const auto received = Clock::now();
      while (const auto reply = connection.wire.next()) settle(connection, *reply, received);
    }
  }
}

void Crowd::settle(Connection& connection, const Reply& reply, Clock::time_point now) {
  if (reply.error) throw std::runtime_error("an error: " + std::string(reply.text));
  const Sent sent = connection.sent.front();
  connection.sent.pop_front();
  const double waited = ms_between(sent.asked, now);
  if (sent.is_set) {
    loads_ms.push_back(waited);
    --open_;
    return;
  }
  reads_ms.push_back(waited);
  if (reply.null) {
    ++loads;
    if (under_way_.empty()) ++cycles;
    under_way_.push_back({now + settings_.load, sent.asked, &connection});
    return;
  }
  if (reply.text != value_) throw std::runtime_error("a value that nobody has set");
  waits_ms.push_back(waited);
  --open_;
}

void Crowd::end_loads(Clock::time_point now) {
  const auto ttl = std::to_string(settings_.ttl.count());
  while (!under_way_.empty() && under_way_.front().ends <= now) {
    const Load load = under_way_.front();
    under_way_.pop_front();
    load.connection->wire.ask({"SET", settings_.key, value_, "PX", ttl});
    load.connection->sent.push_back({true, load.asked});
    load.connection->dirty = true;
  }
}

}  // namespace bench_readers
