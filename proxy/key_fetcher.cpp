#include "proxy/key_fetcher.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace pannier::proxy {

bool KeyFetcher::take(policies::KeyFetch fetch) {
  if (!fetch.is_urgent && waiting_.size() >= most_waiting) return false;
  (fetch.is_urgent ? urgent_ : waiting_).push_back(std::move(fetch));
  if (std::exchange(is_posted_, true)) return true;
  asio::post(server_.loop(), [this] {
    is_posted_ = false;
    start_next();
  });
  return true;
}

void KeyFetcher::start_next() {
  for (const auto& fetch : std::exchange(urgent_, {})) start(fetch);
  while (!waiting_.empty() && running_ < most_at_once) {
    const auto fetch = std::move(waiting_.front());
    waiting_.pop_front();
    ++running_;
    start(fetch);
  }
}

void KeyFetcher::start(const policies::KeyFetch& fetch) {
  calls_.make([&](policies::Client& client,
                  policies::TimePoint now) { server_.pipeline().fetch(client, fetch, now); },
              [this, fetch](std::string_view reply) {
                server_.pipeline().fetched(fetch, reply, server_.begin_turn().now);
                if (fetch.is_urgent) return;
                --running_;
                start_next();
              });
}

}  // namespace pannier::proxy
