#include "proxy/admin_request.hpp"

#include <doctest/doctest.h>

using namespace pannier::proxy;

namespace {

RequestHead get(std::string target) {
  RequestHead head;
  head.method = "GET";
  head.target = std::move(target);
  head.hosts = {"127.0.0.1:9180"};
  return head;
}

RequestHead post(std::string target) {
  auto head = get(std::move(target));
  head.method = "POST";
  head.marks = {"1"};
  return head;
}

/// "200 explain|key", or "403 why".
std::string judged(const RequestHead& head, const std::vector<std::string>& allowed = {}) {
  const auto route = judge(head, allowed);
  if (!route) {
    const auto& refusal = route.error();
    return std::to_string(refusal.status) + " " + refusal.error;
  }
  std::string text = route->changes ? "do" : "look";
  for (const auto& word : route->words) text += "|" + word;
  return text;
}

std::string words(std::string_view target) {
  const auto read = words_of(target);
  if (!read) return "wrong: " + read.error();
  std::string text;
  for (const auto& word : *read) text += "<" + word + ">";
  return text;
}

bool is_allowed(std::string_view host) { return is_host_allowed(host, {}); }

}  // namespace

TEST_CASE("A loopback host is allowed under any port") {
  for (const std::string_view host :
       {"localhost", "LocalHost:9180", "127.0.0.1", "127.0.0.1:1", "127.255.0.9:65535", "[::1]",
        "[::1]:9180", "[0:0:0:0:0:0:0:1]:80", "localhost:"}) {
    CHECK_MESSAGE(is_allowed(host), host);
  }
}

TEST_CASE("Any other host is refused, however much it looks like one") {
  using namespace std::string_view_literals;
  for (const auto host : {"evil.example:9180"sv,
                          "evil.example"sv,
                          "localhost.evil.example"sv,
                          "127.0.0.1.evil.example"sv,
                          "128.0.0.1"sv,
                          "10.0.0.1:9180"sv,
                          "0.0.0.0"sv,
                          "127.1"sv,
                          "2130706433"sv,
                          "0x7f.0.0.1"sv,
                          "127.0.0.1@evil.example"sv,
                          "evil.example@127.0.0.1"sv,
                          "127.0.0.1:9180:80"sv,
                          "127.0.0.1:port"sv,
                          "127.0.0.1:123456"sv,
                          "127.0.0.1 evil"sv,
                          "127.0.0.1\0.evil"sv,
                          "::1"sv,
                          "[::1"sv,
                          "[::1]evil"sv,
                          "[::2]"sv,
                          "[127.0.0.1]"sv,
                          "[localhost]"sv,
                          "[]"sv,
                          "[::1%25lo]"sv,
                          "[::ffff:127.0.0.1]"sv,
                          ""sv,
                          ":9180"sv,
                          "localhost."sv,
                          "http://localhost"sv}) {
    CHECK_MESSAGE(!is_allowed(host), host);
  }
}

TEST_CASE("A configured host is allowed by its name, in any case and under any port") {
  const std::vector<std::string> allowed{"cache.internal", "[fe80::1]"};
  CHECK(is_host_allowed("cache.internal", allowed));
  CHECK(is_host_allowed("Cache.Internal:9180", allowed));
  CHECK(is_host_allowed("[FE80::1]:80", allowed));
  CHECK_FALSE(is_host_allowed("cache.internal.evil.example", allowed));
  CHECK_FALSE(is_host_allowed("fe80::1", allowed));
  CHECK(is_host_allowed("127.0.0.1", allowed));
}

TEST_CASE("A target is split at its slashes and then decoded, so that a word may hold any byte") {
  CHECK(words("/explain/user:1") == "<explain><user:1>");
  CHECK(words("/explain/a%2Fb%3f%25%20c+d") == "<explain><a/b?% c+d>");
  CHECK(words("/tags/%00%ff%C3%A9") == std::string("<tags><\0\xff\xc3\xa9>", 12));
  CHECK(words("/invalidate/pattern/user:*") == "<invalidate><pattern><user:*>");
  CHECK(words("/../metrics/%2e%2e") == "<..><metrics><..>");
}

TEST_CASE("A target that is no path of words is refused") {
  for (const std::string_view target :
       {"", "*", "metrics", "http://127.0.0.1/metrics", "127.0.0.1:80"}) {
    CHECK_MESSAGE(words(target) == "wrong: the target is a path that begins with /", target);
  }
  for (const std::string_view target : {"/", "//", "/explain/", "/explain//a", "//explain/a"}) {
    CHECK_MESSAGE(words(target) == "wrong: a word of the path is empty", target);
  }
  for (const std::string_view target : {"/%", "/a%2", "/a%zz", "/%2%66", "/%u0041"}) {
    CHECK_MESSAGE(words(target) == "wrong: a % is followed by two hexadecimal digits", target);
  }
}

TEST_CASE("What only looks is a GET") {
  for (const std::string target :
       {"/metrics", "/livez", "/readyz", "/healthz", "/metrics?name=x"}) {
    CHECK_MESSAGE(judged(get(target)) == "look", target);
  }
  CHECK(judged(get("/stats")) == "look|stats");
  CHECK(judged(get("/help")) == "look|help");
  CHECK(judged(get("/explain/user:1")) == "look|explain|user:1");
  CHECK(judged(get("/tags/user:1")) == "look|tags|user:1");
  CHECK(judged(get("/keys/users")) == "look|keys|users");
  CHECK(judged(get("/version/list")) == "look|version|list");
  CHECK(judged(get("/version/LIST")) == "look|version|LIST");
  CHECK(judged(get("/leases")) == "look|leases");
  CHECK(judged(get("/leases/5")) == "look|leases|5");
  CHECK(judged(get("/mode")) == "look|mode");
}

TEST_CASE("What changes something is a POST, and a GET of it says so") {
  for (const std::string target :
       {"/invalidate/key/a", "/invalidate/tag/a", "/invalidate/pattern/a*", "/invalidate",
        "/version/bump/a", "/version/bump/a/grace/60", "/version", "/mode/bypass", "/reload",
        "/config/check", "/config/check/pannier.yaml"}) {
    CHECK_MESSAGE(judged(get(target)) == "405 this path is for POST", target);
    CHECK_MESSAGE(judge(get(target), {}).error().allow == "POST", target);
    CHECK_MESSAGE(judged(post(target)).starts_with("do|"), target);
  }
  for (const std::string target : {"/metrics", "/livez", "/stats", "/mode", "/version/list"}) {
    CHECK_MESSAGE(judged(post(target)) == "405 this path is for GET, HEAD", target);
    CHECK_MESSAGE(judge(post(target), {}).error().allow == "GET, HEAD", target);
  }
}

TEST_CASE("A HEAD is a GET without body; no other method is for anything") {
  auto head = get("/metrics");
  head.method = "HEAD";
  CHECK(judge(head, {})->head_only);
  for (const std::string method : {"PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "PING",
                                   "get", "post", "M-SEARCH", ""}) {
    auto other = post("/reload");
    other.method = method;
    CHECK_MESSAGE(judged(other) == "405 this path is for POST", method);
    other.target = "/metrics";
    CHECK_MESSAGE(judged(other) == "405 this path is for GET, HEAD", method);
  }
}

TEST_CASE("An unknown path is not found, and an action takes no query") {
  for (const std::string target :
       {"/nope", "/metricsx", "/metrics/x", "/Metrics", "/..", "/%2e%2e/livez"}) {
    CHECK_MESSAGE(judged(get(target)) == "404 no such path; GET /help lists the actions", target);
    CHECK_MESSAGE(judged(post(target)) == "404 no such path; GET /help lists the actions", target);
  }
  CHECK(judged(get("/explain/a?b")) == "400 no query is understood; a ? in a word is written %3F");
  CHECK(judged(post("/invalidate/pattern/user?")) ==
        "400 no query is understood; a ? in a word is written %3F");
}

TEST_CASE("A request to another host is refused whatever it asks for") {
  for (auto head : {get("/metrics"), get("/nope"), post("/reload")}) {
    head.hosts = {"evil.example:9180"};
    CHECK(judged(head) == "403 host not allowed");
    CHECK(judged(head, {"evil.example"}) != "403 host not allowed");
    head.hosts = {};
    CHECK(judged(head) == "400 a request has one Host");
    head.hosts = {"127.0.0.1", "evil.example"};
    CHECK(judged(head) == "400 a request has one Host");
  }
}

TEST_CASE("A request with an Origin is refused, even from a page on this machine") {
  for (auto head : {get("/metrics"), post("/reload")}) {
    head.has_origin = true;
    CHECK(judged(head) == "403 requests of web pages are not allowed");
  }
}

TEST_CASE("A POST says what a form cannot: X-Pannier: 1, and JSON if it has a body") {
  auto head = post("/reload");
  CHECK(judged(head) == "do|reload");
  head.marks = {};
  CHECK(judged(head) == "403 a POST needs the header X-Pannier: 1");
  for (const std::string mark : {"0", "true", "1, 1", "11", ""}) {
    head.marks = {mark};
    CHECK(judged(head) == "403 a POST needs the header X-Pannier: 1");
  }
  head.marks = {"1", "1"};
  CHECK(judged(head) == "403 a POST needs the header X-Pannier: 1");

  head = post("/reload");
  head.body_bytes = 2;
  CHECK(judged(head) == "415 the Content-Type of a body is application/json");
  for (const std::string type :
       {"application/json", "Application/JSON; charset=utf-8", "application/json ;x"}) {
    head.content_types = {type};
    CHECK_MESSAGE(judged(head) == "do|reload", type);
  }
  for (const std::string type :
       {"text/plain", "application/x-www-form-urlencoded", "multipart/form-data",
        "application/jsonp", "text/plain; application/json", ""}) {
    head.content_types = {type};
    CHECK_MESSAGE(judged(head) == "415 the Content-Type of a body is application/json", type);
  }
  head.content_types = {"application/json", "text/plain"};
  CHECK(judged(head) == "415 the Content-Type of a body is application/json");
  head = post("/reload");
  head.content_types = {"text/plain"};
  CHECK(judged(head) == "415 the Content-Type of a body is application/json");
}

TEST_CASE("What two parsers could read differently is refused") {
  auto head = post("/reload");
  head.is_encoded = true;
  CHECK(judged(head) == "400 Transfer-Encoding is not understood");
  head = get("/metrics");
  head.body_bytes = 1;
  CHECK(judged(head) == "400 a GET has no body");
  head = get("/metrics");
  head.expects = true;
  CHECK(judged(head) == "417 Expect is not understood");
}

TEST_CASE("An event is a POST of JSON; whether it is let in is judged with its body") {
  auto head = post("/events/order%20created");
  head.content_types = {"application/json"};
  head.body_bytes = 2;
  CHECK(judged(head) == "do|order created");
  CHECK(judge(head, {})->to == Route::To::event);
  head.marks.clear();
  CHECK(judged(head) == "do|order created");
  head.has_origin = true;
  CHECK(judged(head) == "403 requests of web pages are not allowed");
  head.has_origin = false;
  head.hosts = {"evil.example"};
  CHECK(judged(head) == "403 host not allowed");
  head = post("/events/a");
  CHECK(judged(head) == "415 the Content-Type of a body is application/json");
  CHECK(judged(get("/events/a")) == "405 this path is for POST");
  CHECK(judged(post("/events")).starts_with("404 "));
  CHECK(judged(post("/events/a/b")).starts_with("404 "));
}
