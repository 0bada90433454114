#include <doctest/doctest.h>

#include "proxy/event_reply.hpp"
#include "proxy/hmac.hpp"
#include "proxy/hook_url.hpp"
#include "proxy/hooks.hpp"
#include "proxy/webhook_gate.hpp"

using namespace pannier;
using namespace pannier::proxy;

namespace {

const std::string secret = "0123456789abcdef";

policies::ServerTime at(int second) { return policies::ServerTime(policies::seconds(second)); }

RequestHead signed_head(const std::string& timestamp, std::string_view body) {
  RequestHead head;
  head.timestamps = {timestamp};
  head.signatures = {signature_of(secret, timestamp, body)};
  return head;
}

unsigned status(const std::optional<Refusal>& refusal) { return refusal ? refusal->status : 200; }

policies::WebhookSettings with_secret() {
  policies::WebhookSettings settings;
  settings.secret.value = secret;
  return settings;
}

}  // namespace

TEST_CASE("HMAC-SHA256 is that of RFC 4231") {
  CHECK(hmac_sha256("Jefe", "what do ya want for nothing?") ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  CHECK(hmac_sha256(std::string(20, '\x0b'), "Hi There") ==
        "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(are_equal_secretly("ab", "ab"));
  CHECK_FALSE(are_equal_secretly("ab", "ac"));
  CHECK_FALSE(are_equal_secretly("ab", "abc"));
}

TEST_CASE("A webhook is let in by its signature alone, once and near its time") {
  WebhookGate gate;
  const auto settings = with_secret();
  const auto head = signed_head("1000", "{}");
  CHECK(status(gate.objection(head, "{}", settings, at(1299))) == 200);
  CHECK(status(gate.objection(head, "{}", settings, at(1299))) == 401);
  CHECK(status(gate.objection(signed_head("1001", "{}"), "{} ", settings, at(1000))) == 401);
  CHECK(status(gate.objection(signed_head("1000", "{1}"), "{1}", settings, at(1301))) == 401);
  CHECK(status(gate.objection(signed_head("1000", "{1}"), "{1}", settings, at(699))) == 401);
  CHECK(status(gate.objection(signed_head("now", "{}"), "{}", settings, at(1000))) == 401);
  auto other = signed_head("1002", "{}");
  other.timestamps = {"1003"};
  CHECK(status(gate.objection(other, "{}", settings, at(1000))) == 401);
  other = signed_head("1002", "{}");
  for (char& byte : other.signatures[0]) byte = static_cast<char>(std::toupper(byte));
  CHECK(status(gate.objection(other, "{}", settings, at(1000))) == 401);
  other.signatures.clear();
  CHECK(status(gate.objection(other, "{}", settings, at(1000))) == 401);
  other.marks = {"1"};  // What local operators send does not stand in for it.
  CHECK(status(gate.objection(other, "{}", settings, at(1000))) == 401);
}

TEST_CASE("Without a secret an event needs what every action needs") {
  WebhookGate gate;
  RequestHead head;
  CHECK(status(gate.objection(head, "{}", {}, at(1000))) == 403);
  head.marks = {"1"};
  CHECK(status(gate.objection(head, "{}", {}, at(1000))) == 200);
  CHECK(status(gate.objection(signed_head("1000", "{}"), "{}", {}, at(1000))) == 401);
}

TEST_CASE("More than a hundred events in a second are to come later") {
  WebhookGate gate;
  const policies::TimePoint now{policies::seconds(5)};
  for (int i = 0; i < 100; ++i) CHECK(status(gate.objection_to_rate(now)) == 200);
  CHECK(status(gate.objection_to_rate(now)) == 429);
  CHECK(status(gate.objection_to_rate(now + policies::seconds(1))) == 200);
}

TEST_CASE("An event's reply has the shape of its template, with the payload's values in it") {
  const std::string shape = R"({"message": "cleared {startDate}", "keysDeleted": "{count}",
      "dateRange": {"from": "{startDate}", "rows": "{rows}", "no": "{missing}"}, "fixed": [1, null]})";
  CHECK(event_reply(shape, R"({"startDate": "2026-01-01", "rows": 3})", {7, {}}) ==
        R"({"message":"cleared 2026-01-01","keysDeleted":7,)"
        R"("dateRange":{"from":"2026-01-01","rows":3,"no":null},"fixed":[1,null]})");
  CHECK(event_reply("", "{}", {7, {}}) == R"({"count":7})");
  CHECK(event_reply("", "{}", {0, "queued"}) == R"({"count":0,"queued":true})");
  CHECK(objection_to_reply(R"({"a": ["{x"]})").starts_with("'{x': '{' without '}'"));
}

TEST_CASE("A hook's URL is plain HTTP without a user in it") {
  const auto url = parse_hook_url("http://cdn.example:8080/purge?all=1");
  REQUIRE(url.has_value());
  CHECK(url->host == "cdn.example");
  CHECK(url->host_text() == "cdn.example:8080");
  CHECK(url->path == "/purge?all=1");
  CHECK(parse_hook_url("http://cdn.example")->path == "/");
  CHECK(parse_hook_url("http://cdn.example")->host_text() == "cdn.example");
  CHECK(parse_hook_url("https://cdn.example/").error().starts_with("only http://"));
  CHECK(parse_hook_url("http://a:b@cdn.example/").error().starts_with("a user in it"));
  CHECK(parse_hook_url("cdn.example").has_error());
}

TEST_CASE("A hook is told of what it names, and of nothing that failed") {
  policies::AuditRecord record;
  record.what.by = "event stock";
  record.what.tags = {"product:1", "daily"};
  policies::HookSettings hook;
  CHECK(wants(hook, record));
  hook.on = {"key", "pattern"};
  CHECK_FALSE(wants(hook, record));
  hook.on = {"tag"};
  hook.names = {"product:*"};
  CHECK(wants(hook, record));
  hook.names = {"order:*"};
  CHECK_FALSE(wants(hook, record));
  hook.names = {};
  hook.by = {"schedule *"};
  CHECK_FALSE(wants(hook, record));
  hook.by = {"event *"};
  CHECK(wants(hook, record));
  record.outcome = policies::AuditRecord::Outcome::failed;
  CHECK_FALSE(wants(hook, record));
}

TEST_CASE("Surrogate keys are the tags, with blanks in between and none inside") {
  policies::Invalidation what;
  what.tags = {"a:1", "b c", "100%", "line\r\nbreak"};
  CHECK(surrogate_keys(what) == "a:1 b%20c 100%25 line%0D%0Abreak");
  what.tags.assign(2'000, "tag");
  CHECK(surrogate_keys(what).size() <= 4096);
}
