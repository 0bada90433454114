#include "proxy/own_calls.hpp"

#include <boost/asio/post.hpp>
#include <utility>

namespace pannier::proxy {

void OwnCalls::make(const Begin& begin, Done done) {
  const auto call = next_++;
  const auto now = server_.begin_turn().now;
  auto& client =
      server_.open_caller([this, call](std::string_view reply) { answered(call, reply); });
  running_[call] = {&client, std::move(done)};
  begin(client, now);
}

void OwnCalls::answered(std::uint64_t call, std::string_view reply) {
  asio::post(server_.loop(), [this, call, text = std::string(reply)] {
    const auto at = running_.find(call);
    if (at == running_.end()) return;  // A second answer to one request.
    const auto running = std::move(at->second);
    running_.erase(at);
    server_.close_caller(*running.client);
    running.done(text);
  });
}

void OwnCalls::invalidate(policies::Invalidation what, Done done) {
  make(
      [&](policies::Client& client, policies::TimePoint now) {
        server_.pipeline().invalidate(client, std::move(what), now);
      },
      std::move(done));
}

void OwnCalls::warm(const std::string& set, Done done) {
  make([&](policies::Client& client,
           policies::TimePoint now) { server_.pipeline().warm(client, set, now); },
       std::move(done));
}

}  // namespace pannier::proxy
