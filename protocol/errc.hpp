#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

namespace pannier::protocol {

/// Why a stream of bytes is not RESP. Each value's message is the text Redis itself would send,
/// without the leading "-ERR Protocol error: ".
enum class Errc {
  invalid_multibulk_length = 1,  ///< `*x` is not a number, or asks for too many arguments.
  invalid_bulk_length,           ///< `$x` is not a canonical number from 0 to the limit.
  expected_bulk,                 ///< An argument does not start with `$`.
  expected_crlf,                 ///< A bulk string is not followed by CR LF.
  inline_too_big,                ///< An inline request is longer than 64 KiB.
  multibulk_count_too_big,       ///< The `*` line is longer than 64 KiB.
  bulk_count_too_big,            ///< A `$` line is longer than 64 KiB.
  unbalanced_quotes,             ///< An inline request with an open quote.
  invalid_inline_character,      ///< A NUL byte in an inline request.
  request_too_large,             ///< More bytes than `Limits::request_bytes`; E-REQ, not E-PROTO.
  cross_protocol,                ///< HTTP (`POST`, `Host:`): close without a word.
  tls_on_plain_port,             ///< A TLS ClientHello on a port without TLS.
  unauthenticated_multibulk_length,  ///< Too many arguments for a client that must AUTH first.
  unauthenticated_bulk_length,       ///< Too long an argument for one.
  bad_reply,                         ///< Upstream sent something that is not RESP2 or RESP3.
  reply_too_deep,                    ///< A reply nested deeper than 128.
};

const boost::system::error_category& protocol_category();
boost::system::error_code make_error_code(Errc errc);

template <class T>
using Result = boost::system::result<T>;

}  // namespace pannier::protocol

template <>
struct boost::system::is_error_code_enum<pannier::protocol::Errc> : std::true_type {};
