#include "protocol/value.hpp"

#include <doctest/doctest.h>

using namespace pannier::protocol;

TEST_CASE("a value is encoded for either protocol") {
  const Value value{Value::Map{
      {"none", Value{nullptr}},
      {"yes", Value{true}},
      {"list", Value{Value::List{Value{std::int64_t{1}}, Value{1.5}, Value{std::string("x")}}}},
      {"status", Value{Value::Status{"OK"}}},
      {"error", Value{Value::Error{"ERR a\nb"}}},
  }};
  std::string resp2, resp3;
  value.append_to(resp2, Resp::v2);
  value.append_to(resp3, Resp::v3);
  CHECK(resp2 ==
        "*10\r\n$4\r\nnone\r\n$-1\r\n$3\r\nyes\r\n:1\r\n$4\r\nlist\r\n*3\r\n:1\r\n$3\r\n1.5\r\n"
        "$1\r\nx\r\n$6\r\nstatus\r\n+OK\r\n$5\r\nerror\r\n-ERR a b\r\n");
  CHECK(resp3 ==
        "%5\r\n$4\r\nnone\r\n_\r\n$3\r\nyes\r\n#t\r\n$4\r\nlist\r\n*3\r\n:1\r\n,1.5\r\n"
        "$1\r\nx\r\n$6\r\nstatus\r\n+OK\r\n$5\r\nerror\r\n-ERR a b\r\n");
}
