#pragma once

#include <netinet/tcp.h>

#include <boost/asio/socket_base.hpp>
#include <chrono>

#include "proxy/loop.hpp"

namespace pannier::proxy {

/// A peer that is gone without a word (power, cable, a firewall that forgot) is noticed after 30 s
/// of silence and 3 questions in 5 s each: what a client held is then free again.
inline void keep_alive(Socket& socket) {
  using asio::detail::socket_option::integer;
  boost::system::error_code ignored;
  socket.set_option(asio::socket_base::keep_alive(true), ignored);
  socket.set_option(integer<IPPROTO_TCP, TCP_KEEPIDLE>(30), ignored);
  socket.set_option(integer<IPPROTO_TCP, TCP_KEEPINTVL>(5), ignored);
  socket.set_option(integer<IPPROTO_TCP, TCP_KEEPCNT>(3), ignored);
}

/// What was sent and is not acknowledged by the peer's kernel this long breaks the connection,
/// instead of being sent again for a quarter of an hour.
inline void limit_silence(Socket& socket, std::chrono::milliseconds most) {
  boost::system::error_code ignored;
  socket.set_option(asio::detail::socket_option::integer<IPPROTO_TCP, TCP_USER_TIMEOUT>(
                        static_cast<int>(most.count())),
                    ignored);
}

}  // namespace pannier::proxy
