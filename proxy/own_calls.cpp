#include "proxy/own_calls.hpp"

#include <boost/asio/post.hpp>
#include <memory>
#include <utility>

#include "protocol/reply.hpp"

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
  struct Sum {
    std::size_t left = 1;
    std::int64_t count = 0;
    std::string other;  ///< A reply that is no number.
    Done done;
    void add(std::string_view reply) {
      const auto view = protocol::ReplyReader(reply).next();
      if (view.kind == ':') {
        count += view.number;
      } else if (other.empty() || view.error()) {
        other = reply;
      }
      finish();
    }
    void finish() {
      if (--left > 0) return;
      if (other.empty()) protocol::append_integer(other, count);
      done(other);
    }
  };
  const auto sum = std::make_shared<Sum>();
  sum->done = std::move(done);
  const auto each = [&](const std::vector<std::string>& names, auto call) {
    for (const auto& name : names) {
      ++sum->left;
      make([&](policies::Client& client,
               policies::TimePoint now) { (server_.pipeline().*call)(client, name, now); },
           [sum](std::string_view reply) { sum->add(reply); });
    }
  };
  each(what.keys, &policies::Pipeline::invalidate_key);
  each(what.tags, &policies::Pipeline::invalidate_tag);
  each(what.patterns, &policies::Pipeline::invalidate_pattern);
  asio::post(server_.loop(), [sum] { sum->finish(); });
}

}  // namespace pannier::proxy
