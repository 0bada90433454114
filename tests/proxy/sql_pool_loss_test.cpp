// What becomes of queries when PostgreSQL is away, full, or slow.
#include <doctest/doctest.h>

#include <boost/asio/ip/tcp.hpp>

#include "proxy/sql_connection.hpp"
#include "proxy/sql_pool.hpp"
#include "tests/proxy/sql_bed.hpp"

namespace pannier::tests {
namespace {

/// Answers in the order in which they come.
struct Answers {
  std::vector<SqlAnswer> all;
  SqlPool::Done next() {
    return [this](SqlAnswer answer) { all.push_back(std::move(answer)); };
  }
};

TEST_CASE("SQL: queries wait for a connection, as many as may and for as long as they may") {
  SqlBed bed;
  auto settings = patient(Postgres::shared().url());
  settings.size = 1;
  settings.overflow = 1;
  settings.queue = 3;
  SqlPool pool(bed.loop, settings);
  Answers answers;
  // None of them is connected yet, so the queue holds three.
  for (int i = 0; i < 5; ++i)
    pool.run(query_of("SELECT pg_sleep(0.05)::text || 1"), answers.next());
  CHECK(pool.status().queued == 3);
  bed.until([&] { return answers.all.size() == 5; });
  CHECK(answers.all[0].kind == Kind::busy);
  CHECK(answers.all[0].error == "3 queries wait already");
  CHECK(answers.all[1].kind == Kind::busy);
  for (const std::size_t i : {2u, 3u, 4u}) CHECK(answers.all[i].value == "1");
  CHECK(pool.status().open <= 2);
  CHECK(pool.status().answers[static_cast<std::size_t>(Kind::busy)] == 2);
}

TEST_CASE("SQL: who waits for too long is told that all connections are busy") {
  SqlBed bed;
  auto settings = patient(Postgres::shared().url());
  settings.size = 1;
  settings.overflow = 0;
  settings.queue_timeout = milliseconds(10'000);
  SqlPool pool(bed.loop, settings);
  bed.ask(pool, "SELECT 1");
  SqlPool* running = &pool;
  Answers slow, waiting;
  running->run(query_of("SELECT pg_sleep(30)"), slow.next());
  running->run(query_of("SELECT 2"), waiting.next());
  bed.until([&] { return waiting.all.size() == 1; });
  CHECK(waiting.all[0].kind == Kind::busy);
  CHECK(waiting.all[0].error == "no connection was free within 10000 ms");
  CHECK(slow.all.empty());
  running->stop();
  bed.until([&] { return slow.all.size() == 1; });
  CHECK(slow.all[0].kind == Kind::unavailable);
}

TEST_CASE("SQL: a PostgreSQL with no connection left is busy, not down") {
  Superuser superuser;
  superuser.run("DROP ROLE IF EXISTS narrow");
  superuser.run("CREATE ROLE narrow LOGIN CONNECTION LIMIT 1");
  SqlBed bed;
  const auto settings = patient(Postgres::shared().url("narrow"));
  SqlPool first(bed.loop, settings), second(bed.loop, settings);
  CHECK(bed.ask(first, "SELECT 1").value == "1");
  const auto answer = bed.ask(second, "SELECT 1");
  CHECK(answer.kind == Kind::busy);
  CHECK(answer.sqlstate == "53300");
  CHECK(bed.ask(second, "SELECT 1").kind == Kind::busy);
  // With one of its own a pool goes on with that one.
  Answers answers;
  for (int i = 0; i < 4; ++i) first.run(query_of("SELECT pg_sleep(0.01)"), answers.next());
  bed.until([&] { return answers.all.size() == 4; });
  for (const auto& each : answers.all) CHECK(each.kind == Kind::value);
  first.stop();
  bed.until([&] { return bed.ask(second, "SELECT 1").kind == Kind::value; });
}

TEST_CASE("SQL: a PostgreSQL that is down is unavailable at once, until it comes back") {
  Postgres postgres;
  postgres.stop();
  SqlBed bed;
  SqlPool pool(bed.loop, patient(postgres.url()));
  CHECK(pool.status().state == std::string("unused"));
  CHECK(bed.ask(pool, "SELECT 1").kind == Kind::unavailable);
  CHECK(pool.status().state == std::string("down"));
  CHECK(pool.status().failed_connects >= 1);
  CHECK_FALSE(pool.status().last_error.empty());

  postgres.start();
  bed.until([&] { return pool.status().state == std::string("up"); });
  CHECK(bed.ask(pool, "SELECT 2").value == "2");

  // Idle connections notice that they have ended, and the next query needs no second attempt.
  postgres.stop();
  bed.until([&] { return pool.status().open == 0; });
  CHECK(bed.ask(pool, "SELECT 3").kind == Kind::unavailable);
  postgres.start();
  bed.until([&] { return bed.ask(pool, "SELECT 4").value == "4"; });
}

TEST_CASE("SQL: of several hosts the one that answers is used") {
  SqlBed bed;
  auto url = Postgres::shared().url();
  url.replace(url.find("127.0.0.1"), 0, "localhost:1,");
  SqlPool pool(bed.loop, patient(url));
  CHECK(bed.ask(pool, "SELECT 1").value == "1");
}

TEST_CASE("SQL: a PostgreSQL that accepts and says nothing is unavailable after connect_timeout") {
  SqlBed bed;
  proxy::asio::ip::tcp::acceptor silent(bed.loop, {proxy::asio::ip::address_v4::loopback(), 0});
  const auto port = silent.local_endpoint().port();
  auto settings = patient("postgresql://127.0.0.1:" + std::to_string(port) + "/postgres");
  settings.connect_timeout = milliseconds(100);
  SqlPool pool(bed.loop, settings);
  const auto answer = bed.ask(pool, "SELECT 1");
  CHECK(answer.kind == Kind::unavailable);
  CHECK(answer.error == "PostgreSQL did not answer in time");
  CHECK(pool.status().state == std::string("down"));
  // Nobody waits for the next attempt.
  CHECK(bed.ask(pool, "SELECT 1").kind == Kind::unavailable);
}

TEST_CASE("SQL: names are looked up, and what cannot be is unavailable") {
  SqlBed bed;
  auto url = Postgres::shared().url();
  url.replace(url.find("127.0.0.1"), 9, "localhost");
  SqlPool pool(bed.loop, patient(url));
  CHECK(bed.ask(pool, "SELECT 1").value == "1");
  SqlPool nowhere(bed.loop, patient("postgresql://me:secret@no-such-host.invalid/db"));
  const auto answer = bed.ask(nowhere, "SELECT 1");
  CHECK(answer.kind == Kind::unavailable);
  CHECK(answer.error.starts_with("cannot look up no-such-host.invalid"));
}

TEST_CASE("SQL: no text says a password, not even when the URL is malformed") {
  CHECK(proxy::sql_url_error("postgresql://me:secret@host:5432/db").empty());
  CHECK(proxy::sql_url_error("host=a dbname=b").empty());
  for (const std::string url : {"postgresql://me:sec/ret@host/db", "me:secret@host", "pass=secret",
                                "service=secret", "postgresql://[secret"}) {
    CAPTURE(url);
    const auto error = proxy::sql_url_error(url);
    CHECK_FALSE(error.empty());
    CHECK(error.find("sec") == std::string::npos);
    SqlBed bed;
    SqlPool pool(bed.loop, patient(url));
    const auto answer = bed.ask(pool, "SELECT 1");
    CHECK(answer.kind == Kind::unavailable);
    CHECK(answer.error == error);
  }
}

TEST_CASE("SQL: a stopped pool answers all there is, and one that is gone calls nobody") {
  SqlBed bed;
  auto settings = patient(Postgres::shared().url());
  settings.size = 1;
  settings.overflow = 0;
  auto pool = std::make_unique<SqlPool>(bed.loop, settings);
  bed.ask(*pool, "SELECT 1");
  Answers answers;
  pool->run(query_of("SELECT pg_sleep(30)"), answers.next());
  pool->run(query_of("SELECT 1"), answers.next());
  pool->stop();
  pool->run(query_of("SELECT 1"), answers.next());
  CHECK(answers.all.empty());
  bed.until([&] { return answers.all.size() == 3; });
  for (const auto& answer : answers.all) CHECK(answer.kind == Kind::unavailable);
  CHECK(pool->status().state == std::string("stopped"));

  pool->run(query_of("SELECT 1"), answers.next());
  pool.reset();
  SqlPool other(bed.loop, settings);
  bed.ask(other, "SELECT pg_sleep(0.01)");
  CHECK(answers.all.size() == 3);
}

TEST_CASE("SQL: an answer may end the pool that gives it") {
  SqlBed bed;
  auto pool = std::make_unique<SqlPool>(bed.loop, patient(Postgres::shared().url()));
  bool is_called = false;
  pool->run(query_of("SELECT 1"), [&](const SqlAnswer&) {
    pool.reset();
    is_called = true;
  });
  bed.until([&] { return is_called; });
  CHECK_FALSE(pool);
}

}  // namespace
}  // namespace pannier::tests
