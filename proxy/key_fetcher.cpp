#include "proxy/key_fetcher.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>
#include <vector>

#include "proxy/log.hpp"

namespace pannier::proxy {

namespace {

constexpr policies::seconds between_logs{10};

}  // namespace

bool KeyFetcher::take(policies::KeyFetch fetch) {
  const auto waiting = fresh_.size() + urgent_.size();
  if (waiting >= (fetch.is_urgent ? most_urgent_waiting : most_waiting)) return false;
  fresh_.push_back(std::move(fetch));
  if (std::exchange(is_posted_, true)) return true;
  asio::post(server_.loop(), [this] {
    is_posted_ = false;
    for (auto& one : std::exchange(fresh_, {})) {
      if (one.is_urgent) {
        urgent_.push_back(std::move(one));
        continue;
      }
      const auto* origin = origin_of(one.key);
      if (origin == nullptr) {
        server_.pipeline().fetched(one, "_\r\n", server_.begin_turn().now);
        continue;
      }
      auto& queue = queues_[origin->name];
      if (queue.waiting.size() >= most_waiting) {
        server_.pipeline().fetched(one, "_\r\n", server_.begin_turn().now);
        continue;
      }
      queue.waiting.push_back(std::move(one));
      start_next(origin->name);
    }
    start_urgent();
  });
  return true;
}

void KeyFetcher::start_urgent() {
  while (!urgent_.empty() && urgent_running_ < most_urgent) {
    const auto fetch = std::move(urgent_.front());
    urgent_.pop_front();
    ++urgent_running_;
    start(fetch, [this] {
      --urgent_running_;
      start_urgent();
    });
  }
}

const policies::OriginSettings* KeyFetcher::origin_of(const std::string& key) const {
  policies::Match match;
  server_.pipeline().core().rules->find(key, match);
  return match ? match.rule->asks() : nullptr;
}

void KeyFetcher::start_next(const std::string& origin) {
  auto& queue = queues_[origin];
  while (!queue.waiting.empty()) {
    const auto fetch = queue.waiting.front();
    const auto* settings = origin_of(fetch.key);  // It may be under another rule by now.
    const auto most = settings ? settings->concurrency.value : most_at_once;
    if (queue.running >= std::min<std::size_t>(most, most_at_once)) return;
    if (!may_start(queue)) return look_later();
    queue.waiting.pop_front();
    ++queue.running;
    start(fetch, [this, origin] {
      --queues_[origin].running;
      start_next(origin);
    });
  }
}

bool KeyFetcher::may_start(Queue& queue) {
  const auto now = server_.turn().now;
  if (server_.is_loaded() && now - queue.started < least_pace) {
    if (now - told_ > between_logs) {
      told_ = now;
      log::info("warming_waits", {{"because", "the loop or upstream is loaded"}});
    }
    return false;
  }
  queue.started = now;
  return true;
}

void KeyFetcher::look_later() {
  if (std::exchange(looks_later_, true)) return;
  timer_.expires_after(between_looks);
  timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    looks_later_ = false;
    server_.begin_turn();
    std::vector<std::string> origins;
    for (const auto& [origin, queue] : queues_) {
      if (!queue.waiting.empty()) origins.push_back(origin);
    }
    for (const auto& origin : origins) start_next(origin);
  });
}

void KeyFetcher::start(const policies::KeyFetch& fetch, std::function<void()> then) {
  calls_.make([&](policies::Client& client,
                  policies::TimePoint now) { server_.pipeline().fetch(client, fetch, now); },
              [this, fetch, then = std::move(then)](std::string_view reply) {
                server_.pipeline().fetched(fetch, reply, server_.begin_turn().now);
                then();
              });
}

}  // namespace pannier::proxy
