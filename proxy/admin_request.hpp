#pragma once

#include <boost/system/result.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policies/setting_types.hpp"

namespace pannier::proxy {

/// What the head of an HTTP request says, as far as the admin port looks at it.
struct RequestHead {
  std::string method, target;
  std::vector<std::string> hosts, content_types,
      marks,           ///< Values of Host, Content-Type, X-Pannier ...
      authorizations;  ///< ... and Authorization.
  /// Of X-Pannier-Signature, X-Pannier-Timestamp, Idempotency-Key.
  std::vector<std::string> signatures, timestamps, idempotency_keys;
  std::uint64_t body_bytes = 0;
  std::string websocket_version, websocket_key;  ///< Empty unless it asks for an upgrade to one.
  bool has_origin = false;
  bool is_encoded = false;  ///< Has a Transfer-Encoding.
  bool expects = false;     ///< Has an Expect.
  bool keep_alive = false;
};

/// Where an acceptable request leads.
struct Route {
  enum class To { metrics, livez, readyz, live, action, event, value };
  To to = To::action;
  bool changes = false;  ///< Came as a POST: something will be done.
  bool head_only = false;
  policies::Role needs = policies::Role::read;  ///< The least that may; `none`: everybody.
  std::vector<std::string> words;  ///< Of an action, the name of an event, or the key; decoded.
};

/// Why a request is not acceptable.
struct Refusal {
  unsigned status = 400;
  std::string error;
  std::string_view allow{};  ///< With 405: what `Allow` says.
};

/// Judges a request by its head alone.
///
/// A browser can be made to send requests here by any page it shows, and DNS can be made to lead
/// any name here; but it cannot be made to lie about Host and Origin, and without being asked first
/// (CORS, which is never granted) it sends neither X-Pannier nor a JSON content type. An event may
/// come without X-Pannier: WebhookGate judges it, once its body is there.
boost::system::result<Route, Refusal> judge(const RequestHead& head,
                                            std::span<const std::string> allowed_hosts);

/// Whether `host`, a Host header's value, is localhost, 127.0.0.0/8, [::1] or an allowed name, with
/// or without a port.
bool is_host_allowed(std::string_view host, std::span<const std::string> allowed_hosts);

/// `/explain/a%2Fb` -> {"explain", "a/b"}: split at slashes, then percent-decoded, so that a word
/// may hold any byte. \returns the words, or what is wrong with the target.
boost::system::result<std::vector<std::string>, std::string> words_of(std::string_view target);

/// Whether a piece of a request's head, from the beginning of a line, has a line that begins with a
/// blank: the obsolete folding of headers, which two parsers seldom read alike.
bool has_folded_line(std::string_view head);

}  // namespace pannier::proxy
