#include "proxy/utf8.hpp"

#include <doctest/doctest.h>

using pannier::proxy::valid_utf8;

namespace {

/// The text with each replacement character as `?`.
std::string cleaned(std::string_view bytes) {
  auto text = valid_utf8(bytes);
  for (auto at = text.find("\xEF\xBF\xBD"); at != text.npos; at = text.find("\xEF\xBF\xBD", at)) {
    text.replace(at, 3, "?");
  }
  return text;
}

}  // namespace

TEST_CASE("Valid UTF-8 stays as it is") {
  using namespace std::string_view_literals;
  for (const auto text : {""sv, "user:1"sv, "a\0b"sv, "\x7f"sv, "\xC2\x80"sv, "\xC3\xA9"sv,
                          "\xDF\xBF"sv, "\xE0\xA0\x80"sv, "\xED\x9F\xBF"sv, "\xEE\x80\x80"sv,
                          "\xEF\xBF\xBF"sv, "\xF0\x90\x80\x80"sv, "\xF4\x8F\xBF\xBF"sv}) {
    CHECK(valid_utf8(text) == text);
  }
}

TEST_CASE("Each byte that is not part of valid UTF-8 is replaced") {
  CHECK(cleaned("\xff") == "?");
  CHECK(cleaned("a\x80z") == "a?z");
  CHECK(cleaned("\xC3") == "?");
  CHECK(cleaned("\xC3(") == "?(");
  CHECK(cleaned("\xE2\x82") == "??");
  CHECK(cleaned("\xE2\x82\xE2\x82\xAC") == "??\xE2\x82\xAC");
  CHECK(cleaned("\xC0\x80") == "??");            // Longer than it need be.
  CHECK(cleaned("\xE0\x9F\xBF") == "???");       // The same.
  CHECK(cleaned("\xF0\x8F\xBF\xBF") == "????");  // The same.
  CHECK(cleaned("\xED\xA0\x80") == "???");       // A surrogate.
  CHECK(cleaned("\xF4\x90\x80\x80") == "????");  // Beyond U+10FFFF.
  CHECK(cleaned("\xF8\x88\x80\x80\x80") == "?????");
}
