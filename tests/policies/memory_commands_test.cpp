#include <doctest/doctest.h>

#include "memory_session.hpp"

using namespace pannier::policies;

// Replies here are Redis 7.0.15's; tests/e2e/memory_store_differential_test.py asks for many more.

namespace {
constexpr std::string_view syntax = "-ERR syntax error";
constexpr std::string_view not_integer = "-ERR value is not an integer or out of range";
constexpr std::string_view not_float = "-ERR value is not a valid float";
}  // namespace

TEST_CASE("SET writes a value, with a time to live, under a condition, and tells the old one") {
  MemorySession().check({
      {"set k v", "+OK"},
      {"GET k", "$1 v"},
      {"SET k w NX", "$-1"},
      {"SET k w XX GET", "$1 v"},
      {"SET new x NX GET", "$-1"},
      {"SET k x NX GET", "$1 w"},
      {"GET k", "$1 w"},
      {"SET k w EX 10", "+OK"},
      {"PTTL k", ":10000"},
      {"SET k w KEEPTTL", "+OK"},
      {"TTL k", ":10"},
      {"SET k w PX 1500", "+OK"},
      {"TTL k", ":2"},
      {"SET k w EXAT 1800000000", "+OK"},
      {"PEXPIRETIME k", ":1800000000000"},
      {"SET k w PXAT 1800000000499 EX 5", syntax},
      {"SET k w PXAT 1800000000499", "+OK"},
      {"EXPIRETIME k", ":1800000000"},
      {"SET k w EX 5 EX 6", "+OK"},
      {"TTL k", ":6"},
      {"SET k w", "+OK"},
      {"TTL k", ":-1"},
      {"SET k gone PXAT 1", "+OK"},
      {"DBSIZE", ":2"},
      {"GET k", "$-1"},
      {"DBSIZE", ":1"},
  });
}

TEST_CASE("SET refuses what contradicts itself or is no time") {
  MemorySession().check({
      {"SET k v NX XX", syntax},
      {"SET k v EX", syntax},
      {"SET k v EX 5 KEEPTTL", syntax},
      {"SET k v PERSIST", syntax},
      {"SET k v what", syntax},
      {"SET k v EX x", not_integer},
      {"SET k v EX 1.5", not_integer},
      {"SET k v EX 0", "-ERR invalid expire time in 'set' command"},
      {"SET k v PXAT -1", "-ERR invalid expire time in 'set' command"},
      {"SET k v EX 9223372036854775", "-ERR invalid expire time in 'set' command"},
      {"SET k v EX 9223372036854776", "-ERR invalid expire time in 'set' command"},
      {"SETEX k 0 v", "-ERR invalid expire time in 'setex' command"},
      {"PSETEX k -1 v", "-ERR invalid expire time in 'psetex' command"},
      {"SETEX k x v", not_integer},
      {"DBSIZE", ":0"},
  });
}

TEST_CASE("Reads that also write do both in one step") {
  MemorySession().check({
      {"SETEX k 100 v", "+OK"},
      {"PSETEX p 100 v", "+OK"},
      {"PTTL p", ":100"},
      {"SETNX k x", ":0"},
      {"SETNX n x", ":1"},
      {"GETSET k w", "$1 v"},
      {"TTL k", ":-1"},
      {"GETDEL k", "$1 w"},
      {"GETDEL k", "$-1"},
      {"GETEX n EX 10", "$1 x"},
      {"TTL n", ":10"},
      {"GETEX n", "$1 x"},
      {"TTL n", ":10"},
      {"GETEX n PERSIST", "$1 x"},
      {"TTL n", ":-1"},
      {"GETEX n PERSIST EX 10", syntax},
      {"GETEX n KEEPTTL", syntax},
      {"GETEX n EX 0", "-ERR invalid expire time in 'getex' command"},
      {"GETEX missing EX 0", "$-1"},
      {"GETEX n PXAT 1700000000250", "$1 x"},  // Now.
      {"DBSIZE", ":1"},
  });
}

TEST_CASE("Several keys are written and read at once") {
  MemorySession().check({
      {"MSET a 1 b 2", "+OK"},
      {"MGET a x b a", "*4 $1 1 $-1 $1 2 $1 1"},
      {"MSETNX c 3 a 9", ":0"},
      {"EXISTS c", ":0"},
      {"MSETNX c 3 d 4 c 5", ":1"},
      {"GET c", "$1 5"},
      {"MSET a 1 b", "-ERR wrong number of arguments for 'mset' command"},
      {"MSETNX a 1 b", "-ERR wrong number of arguments for 'msetnx' command"},
      {"EXISTS a a x", ":2"},
      {"TOUCH a b x", ":2"},
      {"UNLINK a x", ":1"},
      {"DEL b b c d", ":3"},
  });
}

TEST_CASE("A part of a value is read and written, and its time to live stays") {
  MemorySession().check({
      {"SETEX k 100 hello", "+OK"},
      {"STRLEN k", ":5"},
      {"APPEND k _world", ":11"},
      {"GETRANGE k 0 4", "$5 hello"},
      {"SUBSTR k -5 -1", "$5 world"},
      {"GETRANGE k -3 -5", "$0 "},
      {"GETRANGE k 9 99", "$2 ld"},
      {"GETRANGE k 99 100", "$0 "},
      {"GETRANGE k 5 x", not_integer},
      {"GETRANGE missing 0 -1", "$0 "},
      {"SETRANGE k 0 J", ":11"},
      {"SETRANGE k 12 !", ":13"},
      {"SETRANGE k -1 x", "-ERR offset is out of range"},
      {"SETRANGE k 536870912 x", "-ERR string exceeds maximum allowed size (proto-max-bulk-len)"},
      {"SETRANGE missing 5 ''", ":0"},
      {"TTL k", ":100"},
      {"APPEND n ''", ":0"},
      {"EXISTS n missing", ":1"},
      {"STRLEN missing", ":0"},
  });
  MemorySession session;
  session.run("SETRANGE k 2 x");
  CHECK(session.run("GET k") == std::string("$3 \0\0x", 6));
}

TEST_CASE("Counters count, keep their time to live, and refuse what is no number") {
  MemorySession().check({
      {"INCR n", ":1"},
      {"EXPIRE n 100", ":1"},
      {"INCRBY n 9", ":10"},
      {"DECRBY n 20", ":-10"},
      {"DECR n", ":-11"},
      {"TTL n", ":100"},
      {"INCRBYFLOAT n 0.5", "$5 -10.5"},
      {"TTL n", ":100"},
      {"INCR n", not_integer},
      {"INCRBY n x", not_integer},
      {"SET max 9223372036854775807", "+OK"},
      {"INCR max", "-ERR increment or decrement would overflow"},
      {"DECRBY max -9223372036854775808", "-ERR decrement would overflow"},
      {"SET padded 010", "+OK"},
      {"INCR padded", not_integer},
      {"INCRBYFLOAT f 3.0e3", "$4 3000"},
      {"INCRBYFLOAT f 0x10", "$4 3016"},
      {"INCRBYFLOAT f x", not_float},
      {"INCRBYFLOAT f nan", not_float},
      {"INCRBYFLOAT f inf", "-ERR increment would produce NaN or Infinity"},
      {"SET word x", "+OK"},
      {"INCRBYFLOAT word 1", not_float},
      {"INCRBYFLOAT z -0.0", "$1 0"},
  });
}

TEST_CASE("EXPIRE and its like set when a key ends, under a condition") {
  MemorySession().check({
      {"SET k v", "+OK"},
      {"EXPIRE k 100 XX", ":0"},
      {"EXPIRE k 100 GT", ":0"},
      {"EXPIRE k 100 LT", ":1"},
      {"EXPIRE k 100 NX", ":0"},
      {"PEXPIRE k 100001 GT", ":1"},
      {"PEXPIRE k 100001 GT", ":0"},
      {"PEXPIRE k 100000 XX LT", ":1"},
      {"PTTL k", ":100000"},
      {"EXPIREAT k 1800000000", ":1"},
      {"EXPIRETIME k", ":1800000000"},
      {"PEXPIREAT k 1800000000500", ":1"},
      {"EXPIRETIME k", ":1800000001"},
      {"PERSIST k", ":1"},
      {"PERSIST k", ":0"},
      {"TTL k", ":-1"},
      {"TTL missing", ":-2"},
      {"EXPIRE missing 10", ":0"},
      {"EXPIRE k x", not_integer},
      {"EXPIRE k 10 what", "-ERR Unsupported option what"},
      {"EXPIRE k 10 NX GT", "-ERR NX and XX, GT or LT options at the same time are not compatible"},
      {"EXPIRE k 10 GT LT", "-ERR GT and LT options at the same time are not compatible"},
      {"EXPIRE k 9223372036854776", "-ERR invalid expire time in 'expire' command"},
      {"PEXPIRE k 9223372036854775807", "-ERR invalid expire time in 'pexpire' command"},
      {"PEXPIREAT k 9223372036854775807", ":1"},
      {"EXPIRETIME k", ":9223372036854776"},
      {"PEXPIRE k -9223372036854775808", ":1"},
      {"DBSIZE", ":0"},
      {"SET k v PXAT 1700000000250", "+OK"},
      {"PTTL k", ":0"},
      {"PEXPIRE k 0", ":1"},
      {"DBSIZE", ":0"},
  });
}

TEST_CASE("Keys are renamed and copied with their time to live") {
  MemorySession().check({
      {"SETEX a 100 v", "+OK"},
      {"RENAME a b", "+OK"},
      {"TTL b", ":100"},
      {"RENAME a b", "-ERR no such key"},
      {"RENAME b b", "+OK"},
      {"RENAMENX b b", ":0"},
      {"SET c w", "+OK"},
      {"RENAMENX c b", ":0"},
      {"RENAMENX c d", ":1"},
      {"RENAMENX c d", "-ERR no such key"},
      {"COPY b d", ":0"},
      {"COPY b d REPLACE", ":1"},
      {"TTL d", ":100"},
      {"COPY b b", "-ERR source and destination objects are the same"},
      {"COPY missing x", ":0"},
      {"COPY b x DB 16", "-ERR DB index is out of range"},
      {"COPY b x DB 2147483648",
       "-ERR value is out of range, value must between -2147483648 and 2147483647"},
      {"COPY b x DB", syntax},
      {"TYPE d", "+string"},
      {"TYPE missing", "+none"},
  });
}

TEST_CASE("A database's keys are listed, scanned and flushed") {
  MemorySession().check({
      {"RANDOMKEY", "$-1"},
      {"SCAN 0", "*2 $1 0 *0"},
      {"SET user:1 v", "+OK"},
      {"RANDOMKEY", "$6 user:1"},
      {"KEYS user:*", "*1 $6 user:1"},
      {"KEYS x*", "*0"},
      {"SCAN 0 MATCH user:? COUNT 100 TYPE string", "*2 $1 0 *1 $6 user:1"},
      {"SCAN 0 COUNT 100 TYPE hash", "*2 $1 0 *0"},
      {"SCAN '' COUNT 100", "*2 $1 0 *1 $6 user:1"},
      {"SCAN x", "-ERR invalid cursor"},
      {"SCAN 18446744073709551616", "-ERR invalid cursor"},
      {"SCAN 0 COUNT 0", syntax},
      {"SCAN 0 COUNT x", not_integer},
      {"SCAN 0 MATCH", syntax},
      {"SCAN 0 what x", syntax},
      {"FLUSHDB what", syntax},
      {"FLUSHDB SYNC ASYNC", syntax},
      {"DBSIZE", ":1"},
      {"FLUSHDB sync", "+OK"},
      {"DBSIZE", ":0"},
  });
}

TEST_CASE("PING, ECHO and TIME answer without a key") {
  MemorySession().check({
      {"PING", "+PONG"},
      {"PING hello", "$5 hello"},
      {"PING a b", "-ERR wrong number of arguments for 'ping' command"},
      {"ECHO ''", "$0 "},
      {"TIME", "*2 $10 1700000000 $6 250000"},
  });
}
