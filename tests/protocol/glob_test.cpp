#include "protocol/glob.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <fstream>
#include <sstream>

using namespace pannier::protocol;

namespace {

/// The bytes that a field of globs.txt stands for.
std::string bytes_of(std::string_view field) {
  std::string bytes;
  while (!field.empty()) {
    std::size_t taken = 1;
    if (field.starts_with("%00")) {
      taken = 3;
    } else if (field.starts_with("%20")) {
      taken = 3;
      bytes += ' ';
    } else if (field.starts_with("\\\\")) {
      taken = 2;
      bytes += '\\';
    } else if (field.starts_with("\\x")) {
      taken = 4;
      bytes += static_cast<char>(std::stoi(std::string(field.substr(2, 2)), nullptr, 16));
    } else {
      bytes += field[0];
    }
    field.remove_prefix(taken);
  }
  return bytes;
}

}  // namespace

TEST_CASE("globs match what Redis matches") {
  std::ifstream file(PANNIER_SOURCE_DIR "/tests/protocol/globs.txt");
  int rows = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream fields(line);
    std::string pattern, text, matches;
    REQUIRE(bool(fields >> pattern >> text >> matches));
    CAPTURE(line);
    CHECK(glob_matches(bytes_of(pattern), bytes_of(text)) == (matches == "yes"));
    ++rows;
  }
  CHECK(rows > 80);
}

TEST_CASE("a pattern of many stars costs no more than pattern times text") {
  std::string pattern;
  for (int i = 0; i < 1000; ++i) pattern += "a*";
  pattern += 'b';
  const std::string text(10000, 'a');
  const auto begin = std::chrono::steady_clock::now();
  CHECK_FALSE(glob_matches(pattern, text));
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));
}

TEST_CASE("an escaped text matches itself and nothing else") {
  for (const char* text :
       {"a*b", "a?b", "[a-c]", "[^a]", "\\", "a\\*", "user:{1}", "plain", "]", "^-"}) {
    CAPTURE(text);
    CHECK(glob_matches(glob_escaped(text), text));
    CHECK_FALSE(glob_matches(glob_escaped(text), std::string(text) + "x"));
    CHECK_FALSE(glob_matches(glob_escaped(text), "b"));
  }
  CHECK(glob_escaped("user:1") == "user:1");
}
