// What becomes of rows when something fails, and who is held for them.

#include <doctest/doctest.h>

#include "table_shop.hpp"

using namespace pannier::policies;
using pannier::tests::nil;
using pannier::tests::ok;
using pannier::tests::Shop;
using pannier::tests::wire_of;

TEST_CASE("One row that cannot be read leaves the others alone") {
  Shop shop;
  shop.send(shop.a, {"GET", "day:1"});
  shop.here.load_failed(shop.take_load(shop.here), "-ERR too large\r\n");
  shop.settle();
  CHECK(shop.told(shop.a) == nil);
  shop.send(shop.a, {"GET", "day:2"});
  CHECK(shop.here.loads.size() == 1);
}

TEST_CASE("Where nobody knows whether a row was written it is removed, and once more") {
  Shop shop;
  shop.send(shop.a, {"SET", "day:1", "x"});
  shop.here.answer_table(shop.take_call(shop.here, "put"), {"no answer", false});
  shop.settle();
  CHECK(shop.told(shop.a) == "-ERR pannier: no answer; outcome unknown\r\n");
  shop.here.answer_table(shop.take_call(shop.here, "delete"), {"no answer", false});
  // Meanwhile it is not read.
  shop.send(shop.b, {"GET", "day:1"});
  CHECK(shop.told(shop.b) == nil);
  CHECK(shop.here.loads.empty());
  for (int i = 0; i < 2; ++i) {
    CHECK(shop.here.table_calls.empty());
    shop.pass(milliseconds(1100));
    shop.carry_out(shop.here, "delete");
  }
  shop.pass(milliseconds(1100));
  CHECK(shop.here.table_calls.empty());
}

TEST_CASE("A client that waits again after a look counts as waiting once") {
  Shop shop;
  const auto third = shop.here.connect();
  shop.send(shop.a, {"GET", "day:1"});
  shop.send(shop.b, {"GET", "day:1"});
  shop.here.load_failed(shop.take_load(shop.here), {});
  shop.settle();
  CHECK(shop.told(shop.a) == nil);
  shop.send(third, {"DEL", "day:1"});  // Those who wait look again.
  shop.carry_out(shop.here, "delete");
  shop.here.load_failed(shop.take_load(shop.here), {});
  shop.settle();
  CHECK(shop.told(shop.b) == nil);
  CHECK(shop.here.client(shop.b).waits == 0);
  shop.send(shop.b, {"SET", "day:1", "x"});
  shop.carry_out(shop.here, "put");
  CHECK(shop.told(shop.b) == ok);
}

TEST_CASE("Who holds the lease writes, though another read of the connection waits for it") {
  Shop shop;
  shop.send(shop.a, {"GET", "day:1"});
  shop.here.load_failed(shop.take_load(shop.here), {});
  shop.settle();
  CHECK(shop.told(shop.a) == nil);
  shop.send(shop.a, {"GET", "day:1"});
  shop.send(shop.a, {"SET", "day:1", "x"});
  shop.carry_out(shop.here, "put");
  CHECK(shop.told(shop.a) == "$1\r\nx\r\n" + ok);
}

TEST_CASE("Commands that upstream refuses, or that only read, leave the row") {
  Shop shop;
  for (const auto& words :
       std::vector<std::vector<std::string_view>>{{"SET", "day:1", "x", "BOGUS"},
                                                  {"EXPIRE", "day:1", "abc"},
                                                  {"WATCH", "day:1"},
                                                  {"GETEX", "day:1", "EX", "10"},
                                                  {"PERSIST", "day:1"}}) {
    CAPTURE(words[0]);
    shop.send(shop.a, words);
    CHECK(shop.here.table_calls.empty());
    shop.told(shop.a);
  }
  shop.send(shop.b, {"GETEX", "day:1", "PXAT", "1"});
  shop.carry_out(shop.here, "delete");
}

TEST_CASE("An answer to an earlier removal says nothing about a later one") {
  Shop shop;
  const auto refuse = [&] {
    shop.send(shop.a, {"SET", "day:1", "x"});
    shop.here.answer_table(shop.take_call(shop.here, "put"), {"no answer", false});
    shop.settle();
    return shop.take_call(shop.here, "delete");
  };
  const auto first = refuse();
  const auto second = refuse();
  shop.here.answer_table(first, {});
  shop.pass(milliseconds(1500));
  CHECK(shop.here.table_calls.empty());  // The second one is under way still.
  shop.here.answer_table(second, {"no answer", false});
  shop.pass(milliseconds(1100));
  CHECK(shop.here.table_calls.size() == 1);
}

TEST_CASE("A row whose client goes before it can be told is taken back") {
  Shop shop;
  shop.send(shop.a, {"SET", "day:1", "x"});
  const auto put = shop.take_call(shop.here, "put");
  shop.here.close(shop.a);
  shop.settle();
  shop.here.answer_table(put, {});
  shop.settle();
  shop.carry_out(shop.here, "delete");
  CHECK(!shop.redis.value(0, "day:1"));
}

TEST_CASE("Who waits for another client's load writes on, as soon as that is what it waits for") {
  Shop shop;
  shop.send(shop.b, {"GET", "day:1"});
  shop.here.send(shop.a, wire_of({"GET", "day:1"}));
  shop.here.send(shop.a, wire_of({"SET", "day:2", "x"}));
  shop.settle();
  CHECK(shop.here.table_calls.empty());  // Its read may yet be of a row.
  shop.here.load_failed(shop.take_load(shop.here), {});
  shop.settle();
  CHECK(shop.told(shop.b) == nil);
  shop.carry_out(shop.here, "put");
  CHECK(shop.redis.value(0, "day:2") == "x");
}
