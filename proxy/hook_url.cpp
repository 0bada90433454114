#include "proxy/hook_url.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

namespace pannier::proxy {

boost::system::result<HookUrl, std::string> parse_hook_url(std::string_view text) {
  const auto url = boost::urls::parse_uri({text.data(), text.size()});
  if (!url) return std::string("it is not a URL such as http://127.0.0.1:8080/purge");
  if (url->scheme() != "http") {
    return std::string("only http:// is supported; put a proxy that speaks TLS in between");
  }
  if (url->has_userinfo()) return std::string("a user in it is not supported; use secret");
  if (url->encoded_host().empty()) return std::string("it names no host");
  HookUrl made;
  made.host = std::string(url->encoded_host());
  if (url->has_port() && !url->port().empty()) made.port = url->port_number();
  made.path = url->encoded_path().empty() ? "/" : std::string(url->encoded_path());
  if (url->has_query()) made.path += "?" + std::string(url->encoded_query());
  return made;
}

}  // namespace pannier::proxy
