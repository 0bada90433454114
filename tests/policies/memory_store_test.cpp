#include "policies/memory_store.hpp"

#include <doctest/doctest.h>

#include <set>

#include "memory_session.hpp"
#include "policies/scripts.hpp"
#include "protocol/command_table.hpp"

using namespace pannier;
using namespace pannier::policies;

TEST_CASE("A wrong number of arguments gets Redis's own error from every command of the store") {
  MemorySession session;
  for (const std::string_view name : {
#define PANNIER_MEMORY_COMMAND(name) #name,
#include "policies/memory_commands.def"
#undef PANNIER_MEMORY_COMMAND
       }) {
    CAPTURE(name);
    const protocol::CommandSpec* const spec = protocol::find_command(name);
    REQUIRE(spec != nullptr);
    const std::string error =
        "-ERR wrong number of arguments for '" + std::string(name) + "' command";
    for (std::size_t count = 1; count < 9; ++count) {
      if (spec->accepts(count)) continue;
      std::vector<std::string_view> args(count, "x");
      args[0] = name;
      CHECK(session.run(args) == error);
    }
  }
  CHECK(session.store.size() == 0);
}

TEST_CASE("A command that the store does not know is left to others, without a reply") {
  MemorySession session;
  session.check({
      {"HGET h f", "unknown"},
      {"NOSUCH", "unknown"},
      {"EVAL return 0", "unknown"},
      {"EVAL return 1 k", "unknown"},
      {"EVAL", "unknown"},
      {"CLIENT LIST", "unknown"},
      {"ZADD board 1 a", "unknown"},
      {"SELECT 1", "unknown"},
      {"OBJECT ENCODING k", "unknown"},
  });
}

TEST_CASE("A tag's index is accepted and stays empty") {
  MemorySession session;
  session.check({
      {"ZADD pn:t:tag 1700000000000 k", ":0"},
      {"ZCOUNT pn:t:tag -inf +inf", ":0"},
      {"ZRANGE pn:t:tag 0 -1", "*0"},
      {"ZRANGEBYSCORE pn:t:tag 0 1 LIMIT 0 1", "*0"},
      {"ZREMRANGEBYSCORE pn:t:tag 0 1", ":0"},
      {"ZREM pn:t:tag k", ":0"},
      {"PEXPIREAT pn:t:tag 1800000000000 GT", ":0"},
      {"ZCARD pn:t:tag", "unknown"},
      {"ZADD pn:t:tag", "unknown"},
      {"CLIENT CACHING YES", "+OK"},
      {"client caching no", "+OK"},
  });
}

TEST_CASE("A tag's generation moves to the server's time, and forward if it is there already") {
  MemorySession session;
  const auto raise = [&](std::string_view how = "") {
    return session.run({"EVAL", scripts::raise_generation, "1", "pn:g:tag", "5000", how});
  };
  CHECK(raise("soft") == "$13 1700000000250");  // Nothing was known of the tag.
  CHECK(raise() == "$13 1700000000251");
  CHECK(raise("soft") == "$27 1700000000251 1700000000252");
  session.now += milliseconds(1'000);
  CHECK(raise("soft") == "$27 1700000000251 1700000001250");
  session.now -= milliseconds(10);
  CHECK(raise() == "$13 1700000001251");
  session.now += milliseconds(9);
  session.run("DEL pn:g:tag");
  session.now += milliseconds(1);
  CHECK(raise() == "$13 1700000001250");
  session.check({{"GET pn:g:tag", "$13 1700000001250"}, {"PTTL pn:g:tag", ":5000"}});
  session.run("SET pn:g:tag garbage");
  CHECK(raise() == "$13 1700000001250");
  CHECK(session.run({"EVAL", scripts::raise_generation, "1", "pn:g:tag", "0", ""}) == "unknown");
  CHECK(session.run({"EVAL", scripts::raise_generation, "2", "pn:g:tag", "5", ""}) == "unknown");
}

TEST_CASE("An invalidation counts from what was announced to begin under its tag") {
  MemorySession session;
  const auto raise = [&](std::string_view tag) {
    return session.run({"EVAL", scripts::raise_generation, "3", std::string("pn:g:").append(tag),
                        "pn:i", std::string("pn:a:").append(tag), "5000", ""});
  };
  const auto announce = [&](std::string_view at) {
    return session.run({"EVAL", scripts::announce, "2", "pn:a", "pn:a:one", at});
  };
  CHECK(announce("1700000000252") == ":1");
  CHECK(announce("1700000000251") == ":1");
  CHECK(raise("other") == "$13 1700000000250");
  CHECK(raise("one") == "$13 1700000000252");
  CHECK(raise("one") == "$13 1700000000253");
  const auto ban = [&] {
    return session.run({"EVAL", scripts::raise_bans, "2", "pn:b", "pn:a", "5000", "9", "ph*"});
  };
  CHECK(ban() == ":1700000000252");
  CHECK(session.run({"EVAL", scripts::store_now, "4", "k", "pn:g:other", "pn:a", "pn:a:other", "v",
                     "1000", "5000", "0"}) == "+OK");
  CHECK(raise("other") == "$13 1700000000251");
  session.now += milliseconds(3);
  session.check({{"GET pn:a", "$-1"}, {"GET pn:a:one", "$-1"}, {"GET pn:a:other", "$-1"}});
  CHECK(ban() == ":1700000000253");
}

TEST_CASE("A version moves forward, never back") {
  MemorySession session;
  const auto change = [&](std::string_view what, std::string_view version, std::string_view known) {
    return session.run({"EVAL", scripts::change_version, "1", "pn:v:tile", what, version, "60000",
                        known, known, "0"});
  };
  CHECK(change("raise", "0", "3") == "$29 4 1700000000250 60000 3 4 0 0");
  session.now += milliseconds(1'000);
  CHECK(change("raise", "0", "1") == "$29 5 1700000001250 60000 4 5 0 0");
  CHECK(change("pin", "10", "1") == "$31 10 1700000001250 60000 5 10 1 0");
  CHECK(change("pin", "7", "1").starts_with("-ERR pannier: version 7 is older"));
  session.check(
      {{"GET pn:v:tile", "$31 10 1700000001250 60000 5 10 1 0"}, {"TTL pn:v:tile", ":-1"}});
  CHECK(change("pin", "x", "1") == "unknown");
}

TEST_CASE("A version's record is put back where it was lost, and not over a newer one") {
  MemorySession session;
  const auto restore = [&](std::string_view version, std::string_view at) {
    return session.run(
        {"EVAL", scripts::restore_version, "1", "pn:v:tile", version, at, "9 2 3 0 -"});
  };
  CHECK(restore("3", "0") == "$25 3 1700000000250 9 2 3 0 -");
  CHECK(restore("3", "5") == "$25 3 1700000000250 9 2 3 0 -");
  CHECK(restore("2", "5") == "$25 3 1700000000250 9 2 3 0 -");
  CHECK(restore("4", "5") == "$13 4 5 9 2 3 0 -");
  session.check({{"GET pn:v:tile", "$13 4 5 9 2 3 0 -"}});
  CHECK(restore("x", "5") == "unknown");
}

TEST_CASE("A purge removes those keys that expire no later than it says") {
  MemorySession session;
  session.run("SET same v PXAT 1800000000000");
  session.run("SET moved v PXAT 1800000000001");
  session.run("SET kept v");
  CHECK(session.run({"EVAL", scripts::purge_older, "5", "pn:t:tag", "same", "moved", "kept",
                     "missing", "1800000000000", "1800000000000", "1800000000000",
                     "1800000000000"}) == "*2 :1 :1");
  session.check({{"EXISTS same", ":0"}, {"EXISTS moved kept", ":2"}});
}

TEST_CASE("The least recently used entries leave when the bound is reached") {
  MemorySession session(100'000);
  const std::string value(1'000, 'x');
  for (int i = 0; i < 50; ++i) session.run({"SET", "k" + std::to_string(i), value});
  CHECK(session.store.evictions() == 0);
  session.run("GET k0");
  session.run("TTL k1");  // Only looks.
  for (int i = 50; session.store.evictions() < 3; ++i) {
    session.run({"SET", "k" + std::to_string(i), value});
  }
  session.check({{"EXISTS k0", ":1"}, {"EXISTS k1 k2 k3", ":0"}, {"EXISTS k4", ":1"}});
  CHECK(session.store.bytes() <= 100'000);
  session.store.resize(10'000);
  CHECK(session.store.bytes() <= 10'000);
  CHECK(session.store.size() > 5);
}

TEST_CASE("What could not be kept if it were alone gets Redis's OOM error and changes nothing") {
  MemorySession session(10'000);
  const std::string big(10'000, 'x'), half(6'000, 'x');
  const std::string_view oom = "-OOM command not allowed when used memory > 'maxmemory'.";
  session.run({"SET", "k", half});
  CHECK(session.run({"SET", "k", big}) == oom);
  CHECK(session.run({"SET", "k", big, "GET"}) == oom);
  CHECK(session.run({"SETEX", "k", "10", big}) == oom);
  CHECK(session.run({"SETNX", "n", big}) == oom);
  CHECK(session.run({"GETSET", "k", big}) == oom);
  CHECK(session.run({"APPEND", "k", half}) == oom);
  CHECK(session.run({"SETRANGE", "k", "20000", "x"}) == oom);
  CHECK(session.run({"MSET", "a", half, "b", half}) == oom);
  CHECK(session.run({"MSETNX", "a", half, "b", half}) == oom);
  CHECK(session.run({"SET", big, "v"}) == oom);
  session.check({{"DBSIZE", ":1"}, {"STRLEN k", ":6000"}});
  CHECK(session.store.evictions() == 0);
  CHECK(session.run({"SET", "other", half}) == "+OK");
  session.check({{"EXISTS k", ":0"}, {"EXISTS other", ":1"}});
  CHECK(session.run({"RENAME", "other", big}) == "+OK");  // Redis takes any name as well.
  CHECK(session.store.size() == 0);
}

TEST_CASE("A value that is appended to never pushes itself out") {
  MemorySession session(10'000);
  for (int i = 0; i < 80; ++i) session.run({"APPEND", "k", std::string(100, 'x')});
  session.check({{"STRLEN k", ":8000"}});
}

TEST_CASE("A store that is smaller than a database holds nothing") {
  MemorySession session(100);
  CHECK(session.run("SET k v") == "-OOM command not allowed when used memory > 'maxmemory'.");
  CHECK(session.store.bytes() == 0);
}

TEST_CASE("An expired entry is absent at once, and gone when a command or a sweep meets it") {
  MemorySession session;
  for (int i = 0; i < 100; ++i) session.run({"SET", "k" + std::to_string(i), "v", "PX", "1000"});
  session.run("SET stays v PX 1001");
  session.now += milliseconds(1'000);
  session.check({{"GET k1", "$1 v"}, {"PTTL k1", ":0"}});
  session.now += milliseconds(1);
  session.check({{"GET k1", "$-1"}, {"DBSIZE", ":100"}, {"KEYS *", "*1 $5 stays"}});
  CHECK(session.store.size() == 100);
  std::size_t removed = 0;
  for (int i = 0; i < 100; ++i) removed += session.store.sweep(session.now, 10);
  CHECK(removed == 99);
  CHECK(session.store.size() == 1);
}

TEST_CASE("One sweep looks at a share only, and a round of sweeps at all databases") {
  MemorySession session;
  for (int i = 0; i < 1'000; ++i) {
    session.db = 1;
    session.run({"SET", std::to_string(i), "stays"});
    session.db = 7;
    session.run({"SET", std::to_string(i), "v", "PX", "1"});
  }
  session.now += milliseconds(2);
  CHECK(session.store.sweep(session.now, 100) == 0);
  for (int i = 0; i < 100; ++i) CHECK(session.store.sweep(session.now, 100) <= 120);
  CHECK(session.store.size() == 1'000);
  session.run("FLUSHALL");
  CHECK(session.store.bytes() == 0);
  CHECK(session.store.sweep(session.now, 100) == 0);
}

TEST_CASE("Databases are apart, but for FLUSHALL and the bound") {
  MemorySession session;
  session.run("SET k zero");
  session.db = 3;
  session.check({{"GET k", "$-1"}, {"SET k three", "+OK"}, {"DBSIZE", ":1"}});
  session.check({{"COPY k k DB 0", ":0"}, {"COPY k k DB 0 REPLACE", ":1"}, {"FLUSHDB", "+OK"}});
  session.db = 0;
  session.check({{"GET k", "$5 three"}, {"FLUSHALL ASYNC", "+OK"}, {"DBSIZE", ":0"}});
}

TEST_CASE("Nulls, and nothing else, follow the client's protocol") {
  MemorySession session;
  session.resp = protocol::Resp::v3;
  session.check({
      {"SET k v", "+OK"},
      {"GET missing", "_"},
      {"MGET k missing", "*2 $1 v _"},
      {"SET k v NX", "_"},
      {"SET new v XX GET", "_"},
      {"GETSET new v", "_"},
      {"FLUSHDB", "+OK"},
      {"RANDOMKEY", "_"},
      {"KEYS *", "*0"},
      {"INCRBYFLOAT f 1.5", "$3 1.5"},
  });
}

TEST_CASE("A scan of many keys gives each of them") {
  MemorySession session;
  for (int i = 0; i < 1'000; ++i) session.run({"SET", "k:" + std::to_string(i), "v"});
  std::set<std::string> seen;
  std::string cursor = "0";
  do {
    std::string reply = session.run({"SCAN", cursor, "MATCH", "k:*", "COUNT", "50"});
    const std::size_t begin = reply.find(' ', 4) + 1;
    cursor = reply.substr(begin, reply.find(' ', begin) - begin);
    for (std::size_t at = 0; (at = reply.find(" k:", at)) != std::string::npos;) {
      seen.insert(reply.substr(at + 1, reply.find(' ', at + 1) - at - 1));
      ++at;
    }
  } while (cursor != "0");
  CHECK(seen.size() == 1'000);
}
