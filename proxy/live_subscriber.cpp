#include "proxy/live_subscriber.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "proxy/live.hpp"
#include "proxy/log.hpp"

namespace pannier::proxy {

namespace {

namespace websocket = boost::beast::websocket;
constexpr auto token = asio::as_tuple(asio::use_awaitable_t<Executor>{});
constexpr std::chrono::seconds handshake_time{5}, idle_time{60};
constexpr std::size_t largest_message = 4'096;

}  // namespace

LiveSubscriber::LiveSubscriber(Live& live, Socket socket, LiveFilter filter)
    : live_(&live), stream_(std::move(socket)), filter_(std::move(filter)) {
  websocket::stream_base::timeout times{handshake_time, idle_time, true};
  stream_.set_option(times);
  stream_.read_message_max(largest_message);
  stream_.auto_fragment(false);
}

void LiveSubscriber::start(std::string handshake) {
  handshake_ = std::move(handshake);
  asio::co_spawn(stream_.get_executor(), run(shared_from_this()), asio::detached);
}

LiveSubscriber::Coroutine<void> LiveSubscriber::run(std::shared_ptr<LiveSubscriber> self) {
  auto buffer = asio::buffer(self->handshake_);
  const auto [refused] = co_await self->stream_.async_accept(buffer, token);
  bool more = !refused;
  self->open_ = more;
  if (more) self->begin_to_write();
  while (more) {
    const auto [error, size] = co_await self->stream_.async_read(self->ignored_, token);
    self->ignored_.clear();
    more = !error;
  }
  self->close();
  if (self->live_ != nullptr) self->live_->left(self.get());
}

LiveSubscriber::Coroutine<void> LiveSubscriber::write(std::shared_ptr<LiveSubscriber> self) {
  while (!self->queue_.empty() && !self->closed_) {
    const auto text = self->queue_.front();
    auto buffer = asio::buffer(*text);
    const auto [error, size] = co_await self->stream_.async_write(buffer, token);
    if (error) break;
    self->queued_bytes_ -= text->size();
    self->queue_.pop_front();
  }
  self->writing_ = false;
}

void LiveSubscriber::begin_to_write() {
  if (!open_ || closed_ || queue_.empty() || std::exchange(writing_, true)) return;
  stream_.text(true);
  asio::co_spawn(stream_.get_executor(), write(shared_from_this()), asio::detached);
}

void LiveSubscriber::send(std::shared_ptr<const std::string> text) {
  if (closed_) return;
  queued_bytes_ += text->size();
  queue_.push_back(std::move(text));
  if (queue_.size() > most_queued || queued_bytes_ > most_queued_bytes) {
    log::warning("live_closed", {{"reason", "it does not read what it is sent"}});
    return close();
  }
  begin_to_write();
}

void LiveSubscriber::close() {
  if (std::exchange(closed_, true)) return;
  boost::system::error_code ignored;
  stream_.next_layer().close(ignored);
}

}  // namespace pannier::proxy
