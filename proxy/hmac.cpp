#include "proxy/hmac.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <new>

namespace pannier::proxy {

std::string hmac_sha256(std::string_view secret, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
  // It fails only when there is no memory.
  if (::HMAC(::EVP_sha256(), secret.data(), static_cast<int>(secret.size()), bytes, text.size(),
             digest.data(), &size) == nullptr) {
    throw std::bad_alloc();
  }
  constexpr std::string_view hex = "0123456789abcdef";
  std::string out;
  for (unsigned i = 0; i < size; ++i) {
    out += hex[digest[i] >> 4];
    out += hex[digest[i] & 15];
  }
  return out;
}

bool are_equal_secretly(std::string_view a, std::string_view b) {
  return a.size() == b.size() && ::CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

std::string signature_of(std::string_view secret, std::string_view timestamp,
                         std::string_view body) {
  std::string text(timestamp);
  text.append(".").append(body);
  return "sha256=" + hmac_sha256(secret, text);
}

}  // namespace pannier::proxy
