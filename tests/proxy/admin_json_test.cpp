#include "proxy/admin_json.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "protocol/value.hpp"

using namespace pannier::proxy;
using pannier::protocol::Resp;
using pannier::protocol::Value;

namespace {

std::string shown(std::string_view reply) {
  const auto response = response_of(reply);
  CHECK(response.body.ends_with('\n'));
  return std::to_string(response.status) + " " + response.body.substr(0, response.body.size() - 1);
}

std::string shown(const Value& value) {
  std::string reply;
  value.append_to(reply, Resp::v3);
  return shown(reply);
}

}  // namespace

TEST_CASE("Every kind of reply has its JSON") {
  CHECK(shown("+OK\r\n") == R"(200 "OK")");
  CHECK(shown("+journaled: later\r\n") == R"(202 "journaled: later")");
  CHECK(shown(":-12\r\n") == "200 -12");
  CHECK(shown(":9223372036854775807\r\n") == "200 9223372036854775807");
  CHECK(shown("$3\r\na\"b\r\n") == R"(200 "a\"b")");
  CHECK(shown("$-1\r\n") == "200 null");
  CHECK(shown("_\r\n") == "200 null");
  CHECK(shown("*-1\r\n") == "200 null");
  CHECK(shown("#t\r\n") == "200 true");
  CHECK(shown("#f\r\n") == "200 false");
  CHECK(shown(",0.5\r\n") == "200 5E-1");
  CHECK(shown(",inf\r\n") == R"(200 "inf")");
  CHECK(shown(",nan\r\n") == R"(200 "nan")");
  CHECK(shown("(123456789012345678901234567890\r\n") == R"(200 "123456789012345678901234567890")");
  CHECK(shown("=6\r\ntxt:hi\r\n") == R"(200 "hi")");
  CHECK(shown("*0\r\n") == "200 []");
  CHECK(shown("*3\r\n:1\r\n*1\r\n+a\r\n~1\r\n_\r\n") == R"(200 [1,["a"],[null]])");
  CHECK(shown("%2\r\n+b\r\n:1\r\n+a\r\n*1\r\n:2\r\n") == R"(200 {"b":1,"a":[2]})");
  CHECK(shown("%2\r\n:7\r\n:1\r\n_\r\n:2\r\n") == R"(200 {"7":1,"null":2})");
  CHECK(shown("|1\r\n+ttl\r\n:3\r\n+OK\r\n") == R"(200 "OK")");
  CHECK(shown("*2\r\n+OK\r\n-ERR inside\r\n") == R"(200 ["OK","ERR inside"])");
}

TEST_CASE("An answer of the sidecar has the same form in JSON") {
  CHECK(
      shown(Value{Value::Map{{"hits", {std::int64_t{3}}},
                             {"rate", {0.25}},
                             {"on", {true}},
                             {"none", {}},
                             {"tags", {Value::List{{std::string("a")}, {Value::Status{"b"}}}}}}}) ==
      R"(200 {"hits":3,"rate":2.5E-1,"on":true,"none":null,"tags":["a","b"]})");
}

TEST_CASE("Bytes that are not UTF-8 do not make JSON invalid") {
  CHECK(shown("$5\r\na\xff\xc3\x28\x01\r\n") == "200 \"a\xEF\xBF\xBD\xEF\xBF\xBD(\\u0001\"");
  CHECK(shown("%1\r\n$2\r\n\xfe\"\r\n:1\r\n") == "200 {\"\xEF\xBF\xBD\\\"\":1}");
  CHECK(shown(std::string_view("$2\r\n\0\n\r\n", 8)) == "200 \"\\u0000\\n\"");
  CHECK(shown("-ERR pannier: \x80; not executed\r\n") ==
        "400 {\"error\":\"ERR pannier: \xEF\xBF\xBD; not executed\"}");
}

TEST_CASE("An error says by its status who is at fault") {
  CHECK(shown("-ERR pannier: usage: PANNIER TAGS <key>; not executed\r\n").starts_with("400 "));
  CHECK(shown("-ERR pannier: unknown command 'PANNIER X'; not executed\r\n").starts_with("400 "));
  CHECK(shown("-ERR pannier: pannier.yaml:3: unknown setting\r\n").starts_with("400 "));
  CHECK(shown("-ERR pannier: upstream a:1 unavailable (refused); not executed\r\n")
            .starts_with("503 "));
  CHECK(shown("-ERR pannier: upstream a:1 no reply within 5 ms; outcome unknown\r\n")
            .starts_with("503 "));
  CHECK(shown("-ERR pannier: overloaded (max_inflight=1); not executed\r\n").starts_with("503 "));
  CHECK(shown("-ERR pannier: shutting down; not executed\r\n").starts_with("503 "));
  CHECK(shown("-WRONGTYPE Operation against a key\r\n") ==
        R"(502 {"error":"WRONGTYPE Operation against a key"})");
  CHECK(shown("!21\r\nSYNTAX invalid syntax\r\n") == R"(502 {"error":"SYNTAX invalid syntax"})");
}

TEST_CASE("A reply that is nested without end is cut, not followed") {
  std::string reply;
  for (int i = 0; i < 100'000; ++i) reply += "*1\r\n";
  reply += ":1\r\n";
  const auto response = response_of(reply);
  CHECK(response.status == 200);
  CHECK(response.body.size() < 100);
  CHECK(response.body.find("null") != std::string::npos);
}

TEST_CASE("Readiness says whether, why and what upstream is") {
  const auto up = readiness_response(true, "upstream up", "up", "push");
  CHECK(up.body ==
        "{\"ready\":true,\"reason\":\"upstream up\",\"upstream\":\"up\","
        "\"coherence\":\"push\"}\n");
  CHECK(up.status == 200);
  // Copies that are believed for less long are no reason to be given no traffic.
  CHECK(readiness_response(true, "upstream up", "up", "ttl").status == 200);
  CHECK(readiness_response(false, "draining", "down", "push").status == 503);
}

TEST_CASE("A body is one JSON object") {
  CHECK(is_json_object("{}"));
  CHECK(is_json_object(" {\"soft\": [1, null]} \r\n"));
  for (const std::string text : {"", "[]", "1", "null", "\"{}\"", "{", "{}{}", "{} x", "{'a':1}",
                                 "{\"a\":1,}", "{\"a\":\xff}", "// x\n{}"}) {
    CHECK_MESSAGE(!is_json_object(text), text);
  }
  CHECK_FALSE(
      is_json_object("{\"a\":" + std::string(60'000, '[') + std::string(60'000, ']') + "}"));
}
