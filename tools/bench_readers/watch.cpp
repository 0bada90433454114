#include "tools/bench_readers/watch.hpp"

#include <atomic>
#include <chrono>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <thread>

#include "tools/bench_readers/wire.hpp"

namespace bench_readers {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t reads_between = 30;
constexpr std::chrono::seconds patience{5};

/// When each number came first and last.
struct Seen {
  Clock::time_point first, last;
  std::size_t times = 0;
};

class Reader {
 public:
  Reader(const std::string& address, const std::string& key, std::size_t rounds)
      : wire_(address), key_(key), seen_(rounds + 1), thread_([this] { run(); }) {}

  ~Reader() {
    stop_ = true;
    thread_.join();
  }

  Seen seen(std::size_t number) {
    const std::lock_guard lock(mutex_);
    if (failure_) std::rethrow_exception(failure_);
    return seen_[number];
  }
  std::size_t reads() const { return reads_; }

 private:
  void run() try {
    std::size_t newest = 0;
    while (!stop_) {
      const auto reply = wire_.call({"GET", key_});
      const auto now = Clock::now();
      ++reads_;
      if (reply.null) continue;
      const auto number = std::stoul(std::string(reply.text));
      const std::lock_guard lock(mutex_);
      if (number < newest) throw std::runtime_error("an old value came after a newer one");
      newest = number;
      auto& seen = seen_[number];
      if (seen.times++ == 0) seen.first = now;
      seen.last = now;
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
  }

  Wire wire_;
  std::string key_;
  std::mutex mutex_;
  std::vector<Seen> seen_;
  std::exception_ptr failure_;
  std::atomic<std::size_t> reads_ = 0;
  std::atomic<bool> stop_ = false;
  std::thread thread_;
};

double us_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double, std::micro>(to - from).count();
}

}  // namespace

Watched watch(const std::string& writer, const std::string& reader, const std::string& key,
              std::size_t rounds) {
  Watched found;
  Wire wire(writer);
  wire.call({"SET", key, "0"});
  Reader reads(reader, key, rounds);
  const auto await = [&](std::size_t number, std::size_t times) {
    const auto deadline = Clock::now() + patience;
    for (;;) {
      const auto seen = reads.seen(number);
      if (seen.times >= times) return seen;
      if (Clock::now() > deadline) throw std::runtime_error("a value is not read for 5 seconds");
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    }
  };
  for (std::size_t round = 1; round <= rounds; ++round) {
    await(round - 1, reads_between);
    const auto sent = Clock::now();
    wire.call({"PING"});
    found.ping_us.push_back(us_between(sent, Clock::now()));
    const auto reply = wire.call({"SET", key, std::to_string(round)});
    const auto written = Clock::now();
    if (reply.error) throw std::runtime_error("an error: " + std::string(reply.text));
    const auto fresh = await(round, 1);
    const auto old = reads.seen(round - 1);
    found.fresh_us.push_back(std::max(0.0, us_between(written, fresh.first)));
    found.old_us.push_back(std::max(0.0, us_between(written, old.last)));
  }
  found.reads = reads.reads();
  return found;
}

}  // namespace bench_readers
