#pragma once

#include <string>
#include <string_view>

namespace pannier::proxy {

/// HMAC-SHA256 (RFC 2104) in 64 hexadecimal digits, lower case.
std::string hmac_sha256(std::string_view secret, std::string_view text);

/// Compares in a time that tells nothing of where two texts of one length differ.
bool are_equal_secretly(std::string_view a, std::string_view b);

/// What `X-Pannier-Signature` says of a body: `sha256=` and the HMAC of `timestamp.body`.
std::string signature_of(std::string_view secret, std::string_view timestamp,
                         std::string_view body);

}  // namespace pannier::proxy
