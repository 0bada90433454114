#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <string_view>

namespace pannier::proxy {

struct HttpAnswer {
  bool ok = false;  ///< 200
  std::string body;
};

/// Asks the HTTP port of a sidecar that runs at `address` (host:port, numbers or localhost) with a
/// GET. It takes at most 2 s, and needs no curl: container images have none. `path` is percent-
/// encoded; an empty `token` sends none.
/// \returns what came, or why nothing did.
boost::system::result<HttpAnswer, std::string> ask(const std::string& address,
                                                   std::string_view path,
                                                   std::string_view token = {});

}  // namespace pannier::proxy
