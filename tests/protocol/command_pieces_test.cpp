// A stream means the same however the network cuts it.

#include <doctest/doctest.h>

#include <cstdlib>
#include <random>

#include "parsing.hpp"

using namespace pannier::protocol;
using namespace std::string_literals;

namespace {

std::string session() {
  std::string bytes = "PING\r\n*0\r\n\r\n*-1\r\nset k \"a b\\x00\"\r\n";
  for (int i = 0; i < 40; ++i) {
    const std::string key = "user:" + std::to_string(i * i);
    append_command(bytes, {"SET", key, std::string(static_cast<std::size_t>(i * 3), '\r')});
    append_command(bytes, {"GET", key});
    append_command(bytes, {"MGET", "", key, "\r\n*1\r\n$4\r\nPING\r\n"});
    bytes += "get " + key + "\n";
  }
  return bytes;
}

/// Streams that end in an error: it must be the same error in pieces.
const std::string broken[] = {
    "PING\r\n*1\r\n$4\r\nPINGxx*1\r\n$4\r\nPING\r\n",
    "*2\r\n$3\r\nGET\r\n:1\r\n",
    "*1\r\n$+4\r\nPING\r\n",
    "*1\rxPING\r\n",
    "*01\r\n",
    "*1\n$4\r\nPING\r\n",
    "SET \"a\r\nPING\r\n",
    "PING\0\r\n"s,
    "POST / HTTP/1.1\r\n\r\n",
    "\x16\x03\x01\x00\xa5\x01"s,
    "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$67108865\r\nxxxx",
};

Parsed parse_split_at(std::string_view bytes, std::size_t split) {
  Feed feed;
  feed.add(bytes.substr(0, split));
  feed.add(bytes.substr(split));
  return feed.parsed();
}

Parsed parse_byte_by_byte(std::string_view bytes) {
  Feed feed;
  for (std::size_t i = 0; i < bytes.size(); ++i) feed.add(bytes.substr(i, 1));
  return feed.parsed();
}

}  // namespace

TEST_CASE("a session split in two at any byte gives the same commands") {
  const std::string bytes = session();
  REQUIRE(bytes.size() > 4096);
  const Parsed whole = parse_whole(bytes);
  REQUIRE(whole.commands.size() == 162);
  for (std::size_t split = 0; split <= bytes.size(); ++split) {
    CAPTURE(split);
    REQUIRE(parse_split_at(bytes, split) == whole);
  }
}

TEST_CASE("a session that arrives byte by byte gives the same commands") {
  const std::string bytes = session();
  CHECK(parse_byte_by_byte(bytes) == parse_whole(bytes));
}

TEST_CASE("a broken stream gives the same error wherever it is split") {
  for (const std::string& bytes : broken) {
    CAPTURE(bytes);
    const Parsed whole = parse_whole(bytes);
    CHECK(whole.error != "");
    for (std::size_t split = 0; split <= bytes.size(); ++split) {
      const Parsed parsed = parse_split_at(bytes, split);
      CHECK(parsed.commands == whole.commands);
      CHECK(parsed.error == whole.error);
    }
    CHECK(parse_byte_by_byte(bytes).error == whole.error);
  }
}

TEST_CASE("10,000 random binary arguments come through exactly") {
  std::mt19937_64 random(7);
  Feed feed;
  std::vector<std::string> sent;
  std::string stream;
  for (int i = 0; i < 10000; ++i) {
    std::string arg(random() % 64, '\0');
    for (char& c : arg)
      c = static_cast<char>(random() % 4 == 0 ? "\r\n$*"[random() % 4] : random());
    sent.push_back(command_of({"ECHO", arg}));
    stream += sent.back();
  }
  for (std::string_view rest = stream; !rest.empty();) {
    const std::size_t size = std::min<std::size_t>(rest.size(), random() % 4000);
    feed.add(rest.substr(0, size));
    rest.remove_prefix(size);
  }
  CHECK(feed.parsed().error == "");
  CHECK(feed.parsed().commands == sent);
}

TEST_CASE("a command of many arguments may arrive in any pieces") {
  std::string bytes;
  append_command(bytes, 20001);
  append_bulk(bytes, "DEL");
  for (int i = 0; i < 20000; ++i) append_bulk(bytes, std::to_string(i));
  Feed feed;
  for (std::size_t at = 0; at < bytes.size(); at += 1000) {
    feed.add(std::string_view(bytes).substr(at, 1000));
  }
  CHECK(feed.parsed().commands == std::vector{bytes});
}

TEST_CASE("a parser is small while its connection is idle") { CHECK(sizeof(CommandParser) < 200); }
