#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace pannier::proxy {

/// A place to listen at or to connect to: `host:port`, `[::1]:port` or `unix:/path`.
struct Address {
  std::uint16_t port = 0;
  std::string host;  ///< Without brackets; empty for a unix socket.
  std::string path;  ///< Of a unix socket; empty otherwise.

  bool is_unix() const { return !path.empty(); }
  /// 127.0.0.0/8, ::1, localhost, or a unix socket: no other machine can connect.
  bool is_local() const;
  std::string text() const;  ///< As it was written.
  friend bool operator==(const Address&, const Address&) = default;
};

/// \returns the address, or what is wrong ("'6380' has no port; write host:port or unix:/path").
/// Port 0 is read: the system then chooses one.
boost::system::result<Address, std::string> parse_address(std::string_view text);

/// What `upstream.url` says.
struct UpstreamUrl {
  Address address;
  std::string user, password;  ///< Percent-decoded; both empty without AUTH.
  std::uint32_t db = 0;        ///< Where clients begin that do not SELECT.
  bool tls = false;            ///< rediss://
};

/// Reads redis://[[user]:password@]host[:port][/db], the same with rediss:// (TLS), and unix:/path;
/// port 6379 if none is given.
/// \returns the parts, or what is wrong; the text never repeats the URL.
boost::system::result<UpstreamUrl, std::string> parse_upstream_url(std::string_view url);

/// The URL with `***` for its password, to be shown and logged.
std::string url_without_password(std::string_view url);

}  // namespace pannier::proxy
