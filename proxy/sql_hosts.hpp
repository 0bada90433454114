#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <string>

#include "proxy/loop.hpp"

namespace pannier::proxy {

using SqlResolver = asio::ip::basic_resolver<asio::ip::tcp, Executor>;

/// Where PostgreSQL is, as libpq takes it: lists with commas, of which the first that works is
/// used.
struct SqlHosts {
  std::string host;      ///< Names, addresses, or directories of Unix sockets.
  std::string hostaddr;  ///< Their addresses; empty for a Unix socket.
  std::string port;      ///< One for all, or one for each.
};

/// Looks the names up, each anew, so that libpq need not, which would block. A name with several
/// addresses becomes several hosts, beginning with the `turn`-th: libpq gives an address that does
/// not answer all the time there is, so the next attempt is to begin with another one.
/// \param done is called once, later: with the hosts that have an address, or with none and why.
void resolve_hosts(SqlResolver& resolver, const SqlHosts& hosts, std::size_t turn,
                   std::function<void(const SqlHosts&, const std::string& error)> done);

}  // namespace pannier::proxy
