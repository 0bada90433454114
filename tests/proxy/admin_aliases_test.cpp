#include "proxy/admin_aliases.hpp"

#include <doctest/doctest.h>

using namespace pannier::proxy;
using pannier::policies::AdminSettings;

namespace {

RequestHead request(std::string method, std::string target) {
  RequestHead head;
  head.method = std::move(method);
  head.target = std::move(target);
  return head;
}

/// "GET /keys/a", what an alias makes of a request; or "405 why".
std::string resolved(const AdminSettings::Alias& alias, std::string method, std::string target) {
  REQUIRE_MESSAGE(AdminAlias::compile(alias).has_value(),
                  AdminAlias::compile(alias).error().sentence);
  const AdminAliases aliases({alias});
  auto head = request(std::move(method), std::move(target));
  const auto used = aliases.resolve(head);
  if (!used) return std::to_string(used.error().status) + " " + std::string(used.error().allow);
  return (*used ? "" : "not: ") + head.method + " " + head.target;
}

std::string wrong(const AdminSettings::Alias& alias) {
  const auto compiled = AdminAlias::compile(alias);
  return compiled ? "nothing" : compiled.error().sentence;
}

}  // namespace

TEST_CASE("What is captured is one word of the target, whatever it holds") {
  const AdminSettings::Alias alias{"/old/tag/{tag}", "", "/invalidate/tag/{tag}", ""};
  CHECK(resolved(alias, "POST", "/old/tag/a") == "POST /invalidate/tag/a");
  CHECK(resolved(alias, "POST", "/old/tag/a%2Fb%20%3F%25") ==
        "POST /invalidate/tag/a%2Fb%20%3F%25");
  CHECK(resolved(alias, "POST", "/old/tag/%7Btag%7D") == "POST /invalidate/tag/%7Btag%7D");
  CHECK(resolved(alias, "POST", "/old/tag/a/b") == "not: POST /old/tag/a/b");
  CHECK(resolved(alias, "POST", "/old/tag") == "not: POST /old/tag");
  CHECK(resolved(alias, "POST", "/old/tag/") == "not: POST /old/tag/");
  CHECK(resolved(alias, "POST", "/OLD/tag/a") == "not: POST /OLD/tag/a");
}

TEST_CASE("Within a longer word of a pattern a capture is literal, alone it is a glob") {
  const AdminSettings::Alias part{"/old/{shop}", "", "/invalidate/pattern/order:{shop}:*", ""};
  CHECK(resolved(part, "POST", "/old/%2A") == "POST /invalidate/pattern/order:%5C%2A:%2A");
  const AdminSettings::Alias whole{"/old/{glob}", "", "/invalidate/pattern/{glob}", ""};
  CHECK(resolved(whole, "POST", "/old/a%2A") == "POST /invalidate/pattern/a%2A");
  const AdminSettings::Alias key{"/old/{id}", "", "/invalidate/key/user:{id}", ""};
  CHECK(resolved(key, "POST", "/old/%2A") == "POST /invalidate/key/user:%2A");
}

TEST_CASE("An alias with a method is asked with this one, and its target with its own") {
  const AdminSettings::Alias change{"/old/{key}", "DELETE", "/invalidate/key/{key}", ""};
  CHECK(resolved(change, "DELETE", "/old/a") == "POST /invalidate/key/a");
  CHECK(resolved(change, "POST", "/old/a") == "405 DELETE");
  CHECK(resolved(change, "GET", "/old/a") == "405 DELETE");
  const AdminSettings::Alias look{"/old", "POST", "/stats", ""};
  CHECK(resolved(look, "POST", "/old") == "GET /stats");
  const AdminSettings::Alias get{"/old", "GET", "/stats", ""};
  CHECK(resolved(get, "HEAD", "/old") == "HEAD /stats");
  const AdminSettings::Alias plain{"/old/{key}", "", "/invalidate/key/{key}", ""};
  CHECK(resolved(plain, "GET", "/old/a") == "GET /invalidate/key/a");
}

TEST_CASE("A GET never becomes a change, whatever might be captured") {
  CHECK(
      wrong({"/old/{what}", "GET", "/version/{what}/x", ""}).starts_with("a GET changes nothing"));
  CHECK(wrong({"/old", "GET", "/version/list", ""}) == "nothing");
}

TEST_CASE("What cannot work is refused") {
  CHECK(wrong({"/stats", "", "/metrics", ""}).starts_with("it would hide /stats"));
  CHECK(wrong({"/Invalidate/x", "", "/metrics", ""}).starts_with("it would hide"));
  CHECK(wrong({"/events/x", "", "/metrics", ""}).starts_with("it would hide"));
  CHECK(wrong({"/{a}", "", "/keys/{a}", ""}) == "its first word is no capture");
  CHECK(wrong({"/a/{b", "", "/stats", ""}) == "its braces do not match up");
  CHECK(wrong({"/a/{b}/{b}", "", "/stats", ""}) == "{b} is another thing's name");
  CHECK(wrong({"/a/{count}", "", "/stats", ""}) == "{count} is another thing's name");
  CHECK(wrong({"/a/x{b}", "", "/stats", ""}) == "a capture is all there is between slashes");
  CHECK(wrong({"a", "", "/stats", ""}) == "the target is a path that begins with /");
  CHECK(wrong({"/a//b", "", "/stats", ""}) == "a word of the path is empty");
  CHECK(wrong({"/a", "", "/b", ""}) == "there is no path /b");
  CHECK(wrong({"/a", "", "/keys/{b}", ""}).starts_with("the path captures no {b}"));
  CHECK(wrong({"/a", "", "/stats", "{\"a\": \"{stats.}\"}"}) ==
        "'stats.' is not the name of a field");
  CHECK(wrong({"/a/%7Bb%7D", "", "/stats", ""}) == "nothing");
}
