#include <doctest/doctest.h>

#include "protocol/reply.hpp"

using namespace pannier::protocol;

namespace {

std::string as_resp2(std::string_view reply) {
  std::string out = "before";
  append_as_resp2(out, reply);
  REQUIRE(out.starts_with("before"));
  return out.substr(6);
}

}  // namespace

TEST_CASE("each RESP3 type becomes what a RESP2 server sends") {
  const std::pair<const char*, const char*> rows[] = {
      {"_\r\n", "$-1\r\n"},
      {",3.5\r\n", "$3\r\n3.5\r\n"},
      {",inf\r\n", "$3\r\ninf\r\n"},
      {"#t\r\n", ":1\r\n"},
      {"#f\r\n", ":0\r\n"},
      {"%2\r\n", "*4\r\n"},
      {"~2\r\n", "*2\r\n"},
      {">2\r\n", "*2\r\n"},
      {"(12345678901234567890\r\n", "$20\r\n12345678901234567890\r\n"},
      {"=15\r\ntxt:Some string\r\n", "$11\r\nSome string\r\n"},
      {"=4\r\ntxt:\r\n", "$0\r\n\r\n"},
      {"!5\r\nERR x\r\n", "-ERR x\r\n"},
      {"!6\r\na\r\nb c\r\n", "-a  b c\r\n"},
      {"|1\r\n+ttl\r\n:3600\r\n$1\r\nv\r\n", "$1\r\nv\r\n"},
      {"*2\r\n:1\r\n|1\r\n+a\r\n%1\r\n+b\r\n_\r\n:2\r\n", "*2\r\n:1\r\n:2\r\n"},
  };
  for (const auto& [resp3, resp2] : rows) {
    CAPTURE(resp3);
    CHECK(as_resp2(resp3) == resp2);
  }
}

TEST_CASE("what is the same in both protocols is copied as it is") {
  for (const char* reply : {"+OK\r\n", "-ERR x\r\n", ":-0\r\n", "$4\r\n_\r\n\r\r\n", "$-1\r\n",
                            "*-1\r\n", "*3\r\n$1\r\na\r\n*0\r\n:1\r\n"}) {
    CAPTURE(reply);
    CHECK(as_resp2(reply) == reply);
  }
}

TEST_CASE("an aggregate is converted through all its levels") {
  CHECK(as_resp2("%2\r\n$1\r\na\r\n~2\r\n_\r\n,1\r\n$1\r\nb\r\n*1\r\n%1\r\n+k\r\n#t\r\n+end\r\n") ==
        "*4\r\n$1\r\na\r\n*2\r\n$-1\r\n$1\r\n1\r\n$1\r\nb\r\n*1\r\n*2\r\n+k\r\n:1\r\n+end\r\n");
}
