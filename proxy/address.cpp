#include "proxy/address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "policies/spelling.hpp"
#include "protocol/command_table.hpp"

namespace pannier::proxy {
namespace {

using policies::quoted;

constexpr std::size_t longest_path = 107;  // sun_path of a unix socket, less its NUL.
constexpr std::string_view unix_scheme = "unix:";
constexpr std::string_view redis_scheme = "redis://";
constexpr std::string_view tls_scheme = "rediss://";
constexpr std::uint16_t redis_port = 6379;
constexpr std::uint32_t most_databases = 1u << 20;  ///< More than anybody configures.

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_host_byte(char c) {
  const char letter = static_cast<char>(c | 0x20);
  return (letter >= 'a' && letter <= 'z') || is_digit(c) || c == '.' || c == '-';
}

std::optional<std::uint16_t> read_port(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text.size() > 1 && text[0] == '0')) return {};
  unsigned port = 0;
  for (const char c : text) {
    if (!is_digit(c)) return {};
    port = port * 10 + static_cast<unsigned>(c - '0');
  }
  if (port > 65'535) return {};
  return static_cast<std::uint16_t>(port);
}

bool is_ipv6(const std::string& host) {
  in6_addr address;
  return inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

/// \returns what is wrong with a unix socket's path; empty when nothing is.
std::string_view path_complaint(std::string_view path) {
  if (!path.starts_with('/')) return "a unix socket is written unix:/path, with an absolute path";
  if (path.starts_with("//")) return "a unix socket is written unix:/path, with one slash";
  if (path.size() > longest_path) return "the path of a unix socket has at most 107 bytes";
  return {};
}

/// Splits `host:port` or `[::1]:port`. \returns what is wrong; empty when nothing is.
std::string read_host_and_port(std::string_view text, std::optional<std::uint16_t> default_port,
                               Address& out) {
  std::string_view rest;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == text.npos) return "'[' without ']'";
    out.host = text.substr(1, close - 1);
    if (!is_ipv6(out.host)) return "no IPv6 address stands between [ and ]";
    rest = text.substr(close + 1);
  } else {
    const auto colon = std::min(text.find(':'), text.size());
    out.host = text.substr(0, colon);
    rest = text.substr(colon);
    if (rest.find(':', 1) != rest.npos) return "an IPv6 address is written [::1]:port";
    if (out.host.empty() || !std::all_of(out.host.begin(), out.host.end(), is_host_byte)) {
      return "no host name or address stands before the port";
    }
  }
  if (rest.empty() && default_port) {
    out.port = *default_port;
    return {};
  }
  if (rest.empty()) return "the port is missing; write host:port or unix:/path";
  const auto port = rest.starts_with(':') ? read_port(rest.substr(1)) : std::nullopt;
  if (!port) return "the port is a number up to 65535";
  out.port = *port;
  return {};
}

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  const char letter = static_cast<char>(c | 0x20);
  return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
    if (high < 0 || low < 0) return {};
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

/// Reads `user:password`. \returns what is wrong; empty when nothing is.
std::string read_user(std::string_view text, UpstreamUrl& out) {
  const auto colon = text.find(':');
  if (colon == text.npos) {
    return "a name without password is taken for either by different clients; "
           "write user:password@ or :password@";
  }
  const auto user = percent_decoded(text.substr(0, colon));
  const auto password = percent_decoded(text.substr(colon + 1));
  if (!user || !password) return "% must be followed by two hexadecimal digits; % itself is %25";
  if (password->empty()) return "the password is empty";
  out.user = *user;
  out.password = *password;
  return {};
}

}  // namespace

bool Address::is_local() const {
  if (is_unix()) return true;
  in_addr v4;
  if (inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6;
  if (inet_pton(AF_INET6, host.c_str(), &v6) == 1) return IN6_IS_ADDR_LOOPBACK(&v6);
  return protocol::equals_nocase(host, "localhost");
}

std::string Address::text() const {
  if (is_unix()) return std::string(unix_scheme) + path;
  const bool is_v6 = host.find(':') != host.npos;
  return (is_v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

boost::system::result<Address, std::string> parse_address(std::string_view text) {
  Address address;
  if (text.starts_with(unix_scheme)) {
    address.path = text.substr(unix_scheme.size());
    if (const auto complaint = path_complaint(address.path); !complaint.empty()) {
      return quoted(text) + ": " + std::string(complaint);
    }
    return address;
  }
  if (const auto complaint = read_host_and_port(text, {}, address); !complaint.empty()) {
    return quoted(text) + ": " + complaint;
  }
  return address;
}

boost::system::result<UpstreamUrl, std::string> parse_upstream_url(std::string_view url) {
  UpstreamUrl out;
  if (url.starts_with(unix_scheme)) {
    out.address.path = url.substr(unix_scheme.size());
    const auto complaint = path_complaint(out.address.path);
    if (!complaint.empty()) return std::string(complaint);
    return out;
  }
  out.tls = url.starts_with(tls_scheme);
  if (!out.tls && !url.starts_with(redis_scheme)) {
    return std::string("write redis:// or rediss:// [user:password@]host:port, or unix:/path");
  }
  url.remove_prefix(out.tls ? tls_scheme.size() : redis_scheme.size());
  if (url.find_first_of("?#") != url.npos) {
    return std::string("nothing is read after ? or #; in a password they are %3F and %23");
  }
  const auto slash = std::min(url.find('/'), url.size());
  std::string_view authority = url.substr(0, slash);
  const std::string_view db = url.substr(std::min(slash + 1, url.size()));
  if (const auto sign = authority.rfind('@'); sign != authority.npos) {
    std::string complaint = read_user(authority.substr(0, sign), out);
    if (!complaint.empty()) return complaint;
    authority.remove_prefix(sign + 1);
  }
  std::string complaint = read_host_and_port(authority, redis_port, out.address);
  if (!complaint.empty()) return complaint;
  if (out.address.port == 0) return std::string("port 0 cannot be connected to");
  if (db.empty()) return out;
  const auto [end, wrong] = std::from_chars(db.data(), db.data() + db.size(), out.db);
  const bool is_canonical = std::to_string(out.db) == db && out.db < most_databases;
  if (wrong != std::errc() || end != db.data() + db.size() || !is_canonical) {
    return std::string("the path of the URL is the number of a database, such as /0");
  }
  return out;
}

std::string url_without_password(std::string_view url) {
  const auto begin = url.find("://");
  const auto sign = url.rfind('@');
  if (begin == url.npos || sign == url.npos || sign < begin) return std::string(url);
  const auto user = url.substr(begin + 3, sign - begin - 3);
  const auto colon = user.find(':');
  const auto shown = colon == user.npos ? std::string_view{} : user.substr(0, colon + 1);
  return std::string(url.substr(0, begin + 3)) + std::string(shown) + "***" +
         std::string(url.substr(sign));
}

}  // namespace pannier::proxy
