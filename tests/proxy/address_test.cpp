#include "proxy/address.hpp"

#include <doctest/doctest.h>

using namespace pannier::proxy;

namespace {

std::string reading(std::string_view text) {
  const auto address = parse_address(text);
  return address ? address->text() : address.error();
}

std::string url_reading(std::string_view url) {
  const auto read = parse_upstream_url(url);
  if (!read) return read.error();
  return read->user + "|" + read->password + "|" + read->address.text();
}

}  // namespace

TEST_CASE("An address is host:port, [IPv6]:port or unix:/path") {
  for (const std::string_view text : {"127.0.0.1:6380", "localhost:0", "[::1]:65535",
                                      "cache-0.internal:6379", "unix:/run/pannier.sock"}) {
    CHECK(reading(text) == text);
  }
  CHECK(reading("6380") == "'6380': the port is missing; write host:port or unix:/path");
  CHECK(reading("") == "'': no host name or address stands before the port");
  CHECK(reading(":6380") == "':6380': no host name or address stands before the port");
  CHECK(reading("h:") == "'h:': the port is a number up to 65535");
  CHECK(reading("h:65536") == "'h:65536': the port is a number up to 65535");
  CHECK(reading("h:080") == "'h:080': the port is a number up to 65535");
  CHECK(reading("h:+80") == "'h:+80': the port is a number up to 65535");
  CHECK(reading("::1:80") == "'::1:80': an IPv6 address is written [::1]:port");
  CHECK(reading("[::1") == "'[::1': '[' without ']'");
  CHECK(reading("[::1]80") == "'[::1]80': the port is a number up to 65535");
  CHECK(reading("[h]:80") == "'[h]:80': no IPv6 address stands between [ and ]");
  CHECK(reading("a b:80") == "'a b:80': no host name or address stands before the port");
  CHECK(reading("http://h:80") == "'http://h:80': an IPv6 address is written [::1]:port");
}

TEST_CASE("A unix socket has an absolute path that fits into sun_path") {
  CHECK(reading("unix:run.sock") ==
        "'unix:run.sock': a unix socket is written unix:/path, with an absolute path");
  CHECK(reading("unix:///run.sock") ==
        "'unix:///run.sock': a unix socket is written unix:/path, with one slash");
  const std::string longest = "unix:/" + std::string(106, 'x');
  CHECK(reading(longest) == longest);
  CHECK(reading(longest + "x").ends_with("the path of a unix socket has at most 107 bytes"));
}

TEST_CASE("Only loopback addresses and unix sockets are local") {
  for (const std::string_view text :
       {"127.0.0.1:1", "127.255.0.9:1", "[::1]:1", "localhost:1", "LocalHost:1", "unix:/x"}) {
    CAPTURE(text);
    CHECK(parse_address(text)->is_local());
  }
  for (const std::string_view text : {"0.0.0.0:1", "10.0.0.1:1", "[::]:1", "[::ffff:10.0.0.1]:1",
                                      "127.evil.example:1", "localhost.evil.example:1", "127:1"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_address(text)->is_local());
  }
}

TEST_CASE("An upstream URL gives an address, a user and a password") {
  CHECK(url_reading("redis://127.0.0.1:6379") == "||127.0.0.1:6379");
  CHECK(url_reading("redis://redis") == "||redis:6379");
  CHECK(url_reading("redis://[::1]") == "||[::1]:6379");
  CHECK(url_reading("redis://redis:1/0") == "||redis:1");
  CHECK(url_reading("redis://redis:1/") == "||redis:1");
  CHECK(url_reading("redis://:secret@redis") == "|secret|redis:6379");
  CHECK(url_reading("redis://app:p%40%3a%2F@redis") == "app|p@:/|redis:6379");
  CHECK(url_reading("redis://app:a@b@redis") == "app|a@b|redis:6379");
  CHECK(url_reading("unix:/run/redis.sock") == "||unix:/run/redis.sock");
}

TEST_CASE("Only the scheme of an upstream URL asks for TLS") {
  CHECK(url_reading("rediss://app:secret@redis/0") == "app|secret|redis:6379");
  CHECK(parse_upstream_url("rediss://redis")->tls);
  CHECK_FALSE(parse_upstream_url("redis://rediss")->tls);
  CHECK_FALSE(parse_upstream_url("unix:/rediss://")->tls);
  CHECK(parse_upstream_url("rediss://h/12")->db == 12);
}

TEST_CASE("An upstream URL that cannot be used is refused without repeating it") {
  for (const auto* path : {"x", "-1", "01", "1/2", "9999999999", "1 "}) {
    CHECK(url_reading("redis://:secret@h/" + std::string(path)) ==
          "the path of the URL is the number of a database, such as /0");
  }
  CHECK(url_reading("redis://secret@h").starts_with("a name without password is taken for either"));
  CHECK(url_reading("redis://app:@h") == "the password is empty");
  CHECK(url_reading("redis://:secret%4@h") ==
        "% must be followed by two hexadecimal digits; % itself is %25");
  CHECK(url_reading("redis://:secret#1@h") ==
        "nothing is read after ? or #; in a password they are %3F and %23");
  CHECK(url_reading("redis://h:0") == "port 0 cannot be connected to");
  CHECK(url_reading("redis://h:x") == "the port is a number up to 65535");
  CHECK(url_reading("redis://") == "no host name or address stands before the port");
  CHECK(url_reading("h:6379") ==
        "write redis:// or rediss:// [user:password@]host:port, or unix:/path");
  CHECK(url_reading("unix:x") == "a unix socket is written unix:/path, with an absolute path");
}

TEST_CASE("A URL is shown without its password") {
  CHECK(url_without_password("redis://app:se@cret@h:1/0") == "redis://app:***@h:1/0");
  CHECK(url_without_password("redis://:secret@h") == "redis://:***@h");
  CHECK(url_without_password("rediss://:secret@h") == "rediss://:***@h");
  CHECK(url_without_password("redis://secret@h") == "redis://***@h");
  CHECK(url_without_password("redis://h:1") == "redis://h:1");
  CHECK(url_without_password("unix:/run/a@b.sock") == "unix:/run/a@b.sock");
}
