// Who comes between whom where a table stands behind a tier.

#include <doctest/doctest.h>

#include "table_shop.hpp"

using namespace pannier::policies;
using pannier::tests::FakeRedis;
using pannier::tests::nil;
using pannier::tests::ok;
using pannier::tests::Shop;
using pannier::tests::wire_of;

TEST_CASE("The row is written first, and its error leaves Redis alone") {
  Shop shop;
  shop.send(shop.a, {"SET", "day:1", "x"});
  const auto call = shop.take_call(shop.here, "put");
  CHECK(call.params[0] == "day:1");
  CHECK(call.params[1] == "x");
  CHECK(call.params[3] == "{\"day:1\"}");
  CHECK(!shop.redis.value(0, "day:1"));
  CHECK(shop.told(shop.a).empty());
  shop.here.answer_table(call, {"second tier of 'days': it is away", true});
  CHECK(shop.told(shop.a) == "-ERR pannier: second tier of 'days': it is away; not executed\r\n");
  CHECK(!shop.redis.value(0, "day:1"));
  shop.send(shop.a, {"SET", "day:1", "y"});
  shop.carry_out(shop.here, "put");
  CHECK(shop.told(shop.a) == ok);
  CHECK(shop.redis.value(0, "day:1") == "y");
}

TEST_CASE("A client that goes while its row is written writes nothing more") {
  Shop shop;
  shop.send(shop.a, {"SET", "day:1", "x"});
  const auto call = shop.take_call(shop.here, "put");
  shop.here.close(shop.a);
  shop.settle();
  shop.here.answer_table(call, {});
  shop.settle();
  CHECK(!shop.redis.value(0, "day:1"));
}

TEST_CASE("A read of before a write in one pipeline does not find what is written behind it") {
  Shop shop;
  shop.here.send(shop.a, wire_of({"GET", "day:1"}));
  shop.here.send(shop.a, wire_of({"SET", "day:1", "later"}));
  shop.settle();
  CHECK(shop.here.table_calls.empty());
  shop.here.load_failed(shop.take_load(shop.here), {});
  shop.settle();
  CHECK(shop.told(shop.a) == nil);
  shop.carry_out(shop.here, "put");
  CHECK(shop.told(shop.a) == ok);
}

TEST_CASE("A row that was read before the key was removed or written is not stored") {
  for (const bool writes : {false, true}) {
    Shop shop;
    shop.send(shop.a, {"GET", "day:1"});
    const auto load = shop.take_load(shop.here);
    if (writes) {
      shop.send(shop.b, {"SET", "day:1", "new"});
    } else {
      shop.send(shop.b, {"DEL", "day:1"});
    }
    shop.carry_out(shop.here, writes ? "put" : "delete");
    shop.here.store_loaded(load, "old");
    shop.settle();
    if (writes) {
      CHECK(shop.redis.value(0, "day:1") == "new");
      CHECK(shop.told(shop.a) == "$3\r\nnew\r\n");
    } else {
      CHECK(!shop.redis.value(0, "day:1"));
      // It looks once more, now that the row is gone.
      shop.here.load_failed(shop.take_load(shop.here), {});
      shop.settle();
      CHECK(shop.told(shop.a) == nil);
    }
  }
}

TEST_CASE("The same through another sidecar, with the guard of the fleet") {
  Shop shop(Guard::fleet);
  shop.send(shop.a, {"GET", "day:1"});
  const auto load = shop.take_load(shop.here);
  shop.there.send(shop.other, wire_of({"DEL", "day:1"}));
  shop.settle();
  shop.carry_out(shop.there, "delete");
  shop.here.store_loaded(load, "old");
  shop.settle();
  CHECK(!shop.redis.value(0, "day:1"));
}

TEST_CASE("Where neither has it one client loads, and the others wait for it") {
  Shop shop;
  const auto third = shop.here.connect();
  for (const auto client : {shop.a, shop.b, third}) shop.send(client, {"GET", "day:1"});
  shop.here.load_failed(shop.take_load(shop.here), {});
  shop.settle();
  CHECK(shop.told(shop.a) == nil);
  CHECK(shop.told(shop.b).empty());
  CHECK(shop.told(third).empty());
  CHECK(shop.here.loads.empty());
  shop.send(shop.a, {"SET", "day:1", "x"});
  shop.carry_out(shop.here, "put");
  CHECK(shop.told(shop.a) == ok);
  CHECK(shop.told(shop.b) == "$1\r\nx\r\n");
  CHECK(shop.told(third) == "$1\r\nx\r\n");
}

TEST_CASE("Where clients do not wait for each other all of them are told") {
  Shop shop(Guard::off, CoalesceScope::off);
  shop.send(shop.a, {"GET", "day:1"});
  shop.send(shop.b, {"GET", "day:1"});
  shop.here.load_failed(shop.take_load(shop.here), {});
  shop.settle();
  CHECK(shop.told(shop.a) == nil);
  CHECK(shop.told(shop.b) == nil);
}

TEST_CASE("A table that failed is left alone for a second") {
  Shop shop;
  shop.send(shop.a, {"GET", "day:1"});
  auto load = shop.take_load(shop.here);
  load.is_away = true;
  shop.here.load_failed(load, "-ERR away\r\n");
  shop.settle();
  CHECK(shop.told(shop.a) == nil);
  shop.send(shop.a, {"GET", "day:2"});
  CHECK(shop.here.loads.empty());
  CHECK(shop.told(shop.a) == nil);
  shop.pass(milliseconds(1100));
  shop.send(shop.a, {"GET", "day:3"});
  CHECK(shop.here.loads.size() == 1);
}

TEST_CASE("A fill that comes too late leaves no row, and nobody keeps what it had written") {
  Shop shop(Guard::fleet);
  shop.send(shop.a, {"GET", "day:1"});
  shop.here.load_failed(shop.take_load(shop.here), {});
  shop.settle();
  CHECK(shop.told(shop.a) == nil);
  // What it computes now is of before the removal.
  shop.send(shop.a, {"SET", "day:1", "old"});
  const auto put = shop.take_call(shop.here, "put");
  shop.there.send(shop.other, wire_of({"DEL", "day:1"}));
  shop.settle();
  shop.carry_out(shop.there, "delete");
  shop.here.answer_table(put, {});  // The row is there again.
  shop.settle();
  CHECK(shop.told(shop.a) == ok);
  CHECK(!shop.redis.value(0, "day:1"));
  // Another sidecar finds it before it is removed.
  shop.there.send(shop.other, wire_of({"GET", "day:1"}));
  shop.settle();
  shop.there.store_loaded(shop.take_load(shop.there), "old");
  shop.settle();
  shop.carry_out(shop.here, "delete");
  CHECK(!shop.redis.value(0, "day:1"));
}

TEST_CASE("Rows of before an invalidation of a tag do not count") {
  Shop shop;
  shop.send(shop.a, {"SET", "day:1", "x"});
  const auto put = shop.take_call(shop.here, "put");
  shop.here.answer_table(put, {});
  shop.settle();
  shop.pass(milliseconds(50));
  shop.here.act = [&](Client& asker, const pannier::protocol::Command&) {
    Invalidation what;
    what.tags = {"day:1"};
    shop.here.pipeline().invalidate(asker, std::move(what), shop.here.now);
    return std::optional<pannier::protocol::Value>();
  };
  shop.send(shop.b, {"PANNIER", "INVALIDATE"});
  shop.pass(milliseconds(50));
  shop.told(shop.a);
  shop.send(shop.a, {"GET", "day:1"});
  const auto load = shop.take_load(shop.here);
  CHECK(load.params[0] == "day:1");
  CHECK(load.params[1] > put.params[2]);
}

TEST_CASE("What clients have missed before does not keep a row from Redis") {
  Shop shop(Guard::fleet);
  for (int i = 0; i < 2; ++i) {
    const auto client = i == 0 ? shop.a : shop.b;
    shop.send(client, {"GET", "day:1"});
    if (!shop.here.loads.empty()) shop.here.load_failed(shop.take_load(shop.here), {});
    shop.settle();
    shop.pass(milliseconds(3500));  // Nobody loads it.
  }
  shop.told(shop.a);
  shop.told(shop.b);
  shop.send(shop.a, {"SET", "day:1", "x"});
  shop.carry_out(shop.here, "put");
  CHECK(shop.told(shop.a) == ok);
  FakeRedis::Connection direct;
  shop.redis.execute(direct, wire_of({"DEL", "day:1"}));
  shop.pass(milliseconds(20));
  shop.send(shop.b, {"GET", "day:1"});
  shop.here.store_loaded(shop.take_load(shop.here), "x");
  shop.settle();
  CHECK(shop.told(shop.b) == "$1\r\nx\r\n");
  CHECK(shop.here.loads.empty());
  CHECK(shop.redis.value(0, "day:1") == "x");
}

TEST_CASE("The first row under a tag counts") {
  Shop shop;
  shop.send(shop.a, {"SET", "day:1", "x"});
  const auto put = shop.take_call(shop.here, "put");
  shop.here.answer_table(put, {});
  shop.settle();
  shop.pass(milliseconds(50));
  FakeRedis::Connection direct;
  shop.redis.execute(direct, wire_of({"DEL", "day:1"}));
  shop.pass(milliseconds(20));
  shop.send(shop.b, {"GET", "day:1"});
  CHECK(shop.take_load(shop.here).params[1] < put.params[2]);
}
