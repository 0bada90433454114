#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace pannier::proxy {

/// Where a hook goes.
struct HookUrl {
  std::uint16_t port = 80;
  std::string host, path;  ///< `path` with its query, beginning with `/`.
  /// As the header Host says it.
  std::string host_text() const { return port == 80 ? host : host + ":" + std::to_string(port); }
};

/// Reads http://host[:port][/path]. \returns the parts, or what is wrong; never with the URL, which
/// may hold a password.
boost::system::result<HookUrl, std::string> parse_hook_url(std::string_view url);

}  // namespace pannier::proxy
