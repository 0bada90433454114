#pragma once

#include <boost/system/result.hpp>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/admin_request.hpp"

namespace pannier::proxy {

/// Reads one HTTP request out of the bytes of a connection, without touching the connection.
///
///     head --feed--> head complete --feed--> complete
///
/// A head has at most 8 KiB and a body 64 KiB.
class RequestReader {
 public:
  RequestReader();
  ~RequestReader();
  RequestReader(RequestReader&&) noexcept;
  RequestReader& operator=(RequestReader&&) noexcept;

  enum class Progress { head_incomplete, head_complete, body_incomplete, complete };

  /// Takes what it can use off the front of `bytes`. Stops behind the head once, so that it can be
  /// judged before the body. \returns how far it is, or what is wrong with the request.
  boost::system::result<Progress, Refusal> feed(std::string& bytes);

  /// Whether any byte has been fed.
  bool begun() const;
  /// Valid from head_complete on.
  RequestHead head() const;
  /// Valid when complete.
  const std::string& body() const;

  static constexpr std::size_t most_head_bytes = 8 << 10, most_body_bytes = 64 << 10;

 private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

/// An answer as bytes.
struct Response {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::string_view allow{};
  bool keep_alive = true;
  bool head_only = false;  ///< Answers a HEAD: the body is counted, not sent.

  std::string bytes() const;
};

}  // namespace pannier::proxy
