#include "proxy/admin_http.hpp"

#include <doctest/doctest.h>

using namespace pannier::proxy;
using Progress = RequestReader::Progress;

namespace {

/// How far one feed of a fresh reader comes: "head", "complete", "more" or "400 why".
std::string reading(std::string bytes) {
  RequestReader reader;
  auto progress = reader.feed(bytes);
  if (progress && *progress == Progress::head_complete) {
    const auto head = reader.head();
    if (head.is_encoded) return "encoded";
    progress = reader.feed(bytes);
  }
  if (!progress) return std::to_string(progress.error().status);
  if (!bytes.empty()) return "rest " + bytes;
  return *progress == Progress::complete ? "complete" : "more";
}

const std::string host = "Host: localhost\r\n";

}  // namespace

TEST_CASE("A request is read piece by piece, and what follows it is left") {
  const std::string bytes =
      "POST /mode/bypass HTTP/1.1\r\nhost:\t127.0.0.1:9180 \r\nX-PANNIER: 1\r\n"
      "content-type: application/json\r\nContent-Length: 2\r\n\r\n{}";
  RequestReader reader;
  std::string input;
  Progress progress = Progress::head_incomplete;
  CHECK_FALSE(reader.begun());
  for (const char byte : bytes) {
    input += byte;
    progress = *reader.feed(input);
    CHECK(reader.begun());
    if (progress == Progress::head_complete) {
      const auto head = reader.head();
      CHECK(head.method == "POST");
      CHECK(head.target == "/mode/bypass");
      CHECK(head.hosts == std::vector<std::string>{"127.0.0.1:9180"});
      CHECK(head.marks == std::vector<std::string>{"1"});
      CHECK(head.content_types == std::vector<std::string>{"application/json"});
      CHECK(head.body_bytes == 2);
      CHECK(head.keep_alive);
    }
  }
  CHECK(progress == Progress::complete);
  CHECK(reader.body() == "{}");

  input = "GET / HTTP/1.1\r\n\r\nGET /next HTTP/1.1\r\n\r\n";
  reader = RequestReader();
  CHECK(*reader.feed(input) == Progress::head_complete);
  CHECK(*reader.feed(input) == Progress::complete);
  CHECK(input == "GET /next HTTP/1.1\r\n\r\n");
}

TEST_CASE("A connection stays for another request unless HTTP says otherwise") {
  const auto stays = [](std::string bytes) {
    RequestReader reader;
    REQUIRE(reader.feed(bytes).has_value());
    return reader.head().keep_alive;
  };
  CHECK(stays("GET / HTTP/1.1\r\n\r\n"));
  CHECK_FALSE(stays("GET / HTTP/1.1\r\nConnection: close\r\n\r\n"));
  CHECK_FALSE(stays("GET / HTTP/1.0\r\n\r\n"));
}

TEST_CASE("A request whose end two parsers could see in different places is refused") {
  const std::string post = "POST /reload HTTP/1.1\r\n" + host;
  CHECK(reading(post + "Content-Length: 2\r\n\r\n{}") == "complete");
  // Two lengths, or one that is not a plain number.
  CHECK(reading(post + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ") == "400");
  CHECK(reading(post + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}") == "400");
  for (const std::string length :
       {"2, 2", "+2", "-2", "0x2", "2 2", "", " ", "2;", "99999999999999999999"}) {
    CHECK_MESSAGE(reading(post + "Content-Length: " + length + "\r\n\r\n{}") == "400", length);
  }
  // A length and chunks, in either order, and chunks at all.
  const std::string chunked = "Transfer-Encoding: chunked\r\n", body = "\r\n2\r\n{}\r\n0\r\n\r\n";
  CHECK(reading(post + "Content-Length: 2\r\n" + chunked + body) == "400");
  CHECK(reading(post + chunked + "Content-Length: 2\r\n" + body) == "400");
  CHECK(reading(post + chunked + body) == "encoded");
  for (const std::string coding : {"chunked, chunked", "gzip", "identity", "chunked, identity",
                                   "xchunked", "\"chunked\"", " chunked"}) {
    const auto read = reading(post + "Transfer-Encoding: " + coding + "\r\n" + body);
    CHECK_MESSAGE((read == "encoded" || read == "400"), coding, " ", read);
  }
  // Blanks where a header's name ends, and lines that go on.
  CHECK(reading(post + "Content-Length : 2\r\n\r\n{}") == "400");
  CHECK(reading(post + "Transfer-Encoding : chunked\r\n" + body) == "400");
  CHECK(reading(post + "X-A: b\r\n c\r\n\r\n") == "400");
  CHECK(reading(post + "X-A: b\r\n\tc\r\n\r\n") == "400");
  CHECK(reading(post + "Content-Length:\r\n 2\r\n\r\n{}") == "400");
  CHECK(reading("POST /reload HTTP/1.1\r\n " + host + "\r\n") == "400");
}

TEST_CASE("A folded line is found however its bytes arrive") {
  const std::string bytes = "GET / HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n c\r\n\r\n";
  for (std::size_t first = 1; first < bytes.size(); ++first) {
    RequestReader reader;
    std::string input = bytes.substr(0, first);
    auto progress = reader.feed(input);
    if (progress) {
      input += bytes.substr(first);
      progress = reader.feed(input);
    }
    CHECK_MESSAGE(progress.has_error(), first);
  }
}

TEST_CASE("What is not HTTP/1 is refused at its first line") {
  for (const std::string bytes :
       {"*1\r\n$4\r\nPING\r\n", "PING\r\n", "GET /\r\n", "GET / HTTP/2.0\r\n\r\n",
        "GET / HTTP/0.9\r\n\r\n", "GET / HTTP/1.1 \r\n\r\n", "GET  / HTTP/1.1\r\n\r\n",
        "GET /a b HTTP/1.1\r\n\r\n", "GET / http/1.1\r\n\r\n", "\x16\x03\x01\x02",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET /\x7f HTTP/1.1\r\n\r\n",
        "GET /\t HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\n: empty\r\n\r\n", "GET / HTTP/1.1\r\nX: \x01\r\n\r\n",
        "GET / HTTP/1.1\r\nX: a\rb\r\n\r\n"}) {
    CHECK_MESSAGE(reading(bytes) == "400", bytes);
  }
  CHECK(reading("GET / HTTP/1.1\nHost: localhost\n\n") == "400");
}

TEST_CASE("A head has at most 8 KiB, and a body 64 KiB") {
  const std::string line = "GET / HTTP/1.1\r\n" + host;
  CHECK(reading(line + "X: " + std::string(7'000, 'x') + "\r\n\r\n") == "complete");
  CHECK(reading(line + "X: " + std::string(9'000, 'x') + "\r\n\r\n") == "431");
  CHECK(reading(line + "X: " + std::string(9'000, 'x')) == "431");
  CHECK(reading("GET /" + std::string(9'000, 'x')) == "431");
  CHECK(reading("GET /" + std::string(9'000, 'x') + " HTTP/1.1\r\n\r\n") == "431");
  CHECK(reading(std::string(9'000, 'G')) != "more");
  const auto post = [&](std::size_t size) {
    return "POST / HTTP/1.1\r\n" + host + "Content-Length: " + std::to_string(size) + "\r\n\r\n" +
           std::string(size, 'x');
  };
  CHECK(reading(post(64 << 10)) == "complete");
  CHECK(reading(post((64 << 10) + 1)) == "413");
}

TEST_CASE("An answer counts its body, and has no header that lets a web page read it") {
  Response response;
  response.body = "[]\n";
  CHECK(response.bytes() ==
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3\r\n"
        "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n\r\n[]\n");
  response.status = 405;
  response.allow = "POST";
  response.keep_alive = false;
  response.head_only = true;
  CHECK(response.bytes() ==
        "HTTP/1.1 405 Method Not Allowed\r\nContent-Type: application/json\r\nContent-Length: 3\r\n"
        "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\nAllow: POST\r\n"
        "Connection: close\r\n\r\n");
}
