#include "protocol/errc.hpp"

#include <string>

namespace pannier::protocol {
namespace {

const char* text_of(Errc errc) {
  switch (errc) {
    case Errc::invalid_multibulk_length:
      return "invalid multibulk length";
    case Errc::unauthenticated_multibulk_length:
      return "unauthenticated multibulk length";
    case Errc::unauthenticated_bulk_length:
      return "unauthenticated bulk length";
    case Errc::invalid_bulk_length:
      return "invalid bulk length";
    case Errc::expected_bulk:
      return "expected '$'";
    case Errc::expected_crlf:
      return "expected CRLF after bulk";
    case Errc::inline_too_big:
      return "too big inline request";
    case Errc::multibulk_count_too_big:
      return "too big mbulk count string";
    case Errc::bulk_count_too_big:
      return "too big bulk count string";
    case Errc::unbalanced_quotes:
      return "unbalanced quotes in request";
    case Errc::invalid_inline_character:
      return "invalid character in inline request";
    case Errc::request_too_large:
      return "request larger than max_request_bytes";
    case Errc::cross_protocol:
      return "another protocol on the Redis port";
    case Errc::tls_on_plain_port:
      return "TLS on a port without TLS";
    case Errc::bad_reply:
      return "invalid reply";
    case Errc::reply_too_deep:
      return "reply nested too deep";
  }
  return "unknown protocol error";
}

class ProtocolCategory final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "pannier.protocol"; }
  std::string message(int value) const override { return text_of(static_cast<Errc>(value)); }
};

}  // namespace

const boost::system::error_category& protocol_category() {
  static const ProtocolCategory category;
  return category;
}

boost::system::error_code make_error_code(Errc errc) {
  return {static_cast<int>(errc), protocol_category()};
}

}  // namespace pannier::protocol
