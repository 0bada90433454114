#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <deque>
#include <memory>
#include <string>

#include "proxy/live_filter.hpp"
#include "proxy/loop.hpp"

namespace pannier::proxy {

class Live;

/// One WebSocket of /live. What it sends is read and not heeded; it is pinged while it is silent,
/// and closed when it answers nothing for a minute or leaves too much unread.
class LiveSubscriber : public std::enable_shared_from_this<LiveSubscriber> {
 public:
  static constexpr std::size_t most_queued = 1'000, most_queued_bytes = 1u << 20;

  LiveSubscriber(Live& live, Socket socket, LiveFilter filter);

  /// \param handshake the request, as bytes. Its coroutines end with the connection.
  void start(std::string handshake);
  void send(std::shared_ptr<const std::string> text);
  /// Ends it at once; Live hears of it later.
  void close();
  /// Live is gone, too.
  void forget() { live_ = nullptr; }
  const LiveFilter& filter() const { return filter_; }

 private:
  template <class T>
  using Coroutine = asio::awaitable<T, Executor>;
  static Coroutine<void> run(std::shared_ptr<LiveSubscriber> self);
  static Coroutine<void> write(std::shared_ptr<LiveSubscriber> self);
  void begin_to_write();

  Live* live_;
  boost::beast::websocket::stream<Socket, false> stream_;
  LiveFilter filter_;
  std::string handshake_;
  boost::beast::flat_buffer ignored_;
  std::deque<std::shared_ptr<const std::string>> queue_;
  std::size_t queued_bytes_ = 0;
  bool open_ = false, writing_ = false, closed_ = false;
};

}  // namespace pannier::proxy
