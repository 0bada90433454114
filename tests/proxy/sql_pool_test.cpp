#include "proxy/sql_pool.hpp"

#include <doctest/doctest.h>
#include <signal.h>

#include <fstream>

#include "proxy/sql_connection.hpp"
#include "tests/proxy/sql_bed.hpp"

namespace pannier::tests {
namespace {

TEST_CASE("SQL: rows become a JSON array of objects that PostgreSQL itself makes") {
  SqlBed bed;
  SqlPool pool(bed.loop, patient(Postgres::shared().url()));
  const auto answer = bed.ask(pool,
                              "SELECT i AS id, 'é\"' || i AS name, i > 1 AS late, NULL AS none, "
                              "1.50::numeric AS price, ARRAY[1,2] AS list, "
                              "'{\"a\": {\"b\": null}}'::jsonb AS doc, DATE '2026-02-03' AS day "
                              "FROM generate_series(1, 2) AS i ORDER BY 1; -- all",
                              Shape::rows);
  // The semicolon is not last: the comment is the statement's own mistake.
  CHECK(answer.kind == Kind::error);
  CHECK(answer.sqlstate == "42601");

  const auto good = bed.ask(pool,
                            "SELECT i AS id, 'é\"' || i AS name, i > 1 AS late, NULL AS none, "
                            "1.50::numeric AS price, ARRAY[1,2] AS list, "
                            "'{\"a\": {\"b\": null}}'::jsonb AS doc, DATE '2026-02-03' AS day "
                            "FROM generate_series(1, 2) AS i ORDER BY 1 -- all",
                            Shape::rows);
  CHECK(good.kind == Kind::value);
  CHECK(good.rows == 2);
  CHECK(good.value ==
        R"([{"id":1,"name":"é\"1","late":false,"none":null,"price":1.50,"list":[1,2],)"
        R"("doc":{"a": {"b": null}},"day":"2026-02-03"},)"
        R"({"id":2,"name":"é\"2","late":true,"none":null,"price":1.50,"list":[1,2],)"
        R"("doc":{"a": {"b": null}},"day":"2026-02-03"}])");
}

TEST_CASE("SQL: a row becomes a JSON object, a scalar text, and raw the bytes of a bytea") {
  SqlBed bed;
  SqlPool pool(bed.loop, patient(Postgres::shared().url()));
  CHECK(bed.ask(pool, "SELECT 7 AS id ;; \n", Shape::row).value == R"({"id":7})");
  CHECK(bed.ask(pool, "SELECT 8 AS t, 9 AS T2", Shape::row).value == R"({"t":8,"t2":9})");
  CHECK(bed.ask(pool, "VALUES (1), (2)", Shape::row).value == R"({"column1":1})");
  CHECK(bed.ask(pool, "SELECT true, 'other'").value == "t");
  CHECK(bed.ask(pool, "SELECT 'größe'::text").value == "größe");
  CHECK(bed.ask(pool, "SELECT ''").kind == Kind::value);
  CHECK(bed.ask(pool, "SELECT '\\x00ff0a'::bytea", Shape::raw).value == std::string("\0\xff\n", 3));
  CHECK(bed.ask(pool, "SELECT '\\x00ff0a'::bytea").value == "\\x00ff0a");
  CHECK(bed.ask(pool, "SELECT '\\x41'::text", Shape::raw).value == "\\x41");
  CHECK(bed.ask(pool, "SHOW application_name").value == "pannier");
}

TEST_CASE("SQL: no row is nothing, and NULL is null, whatever the shape") {
  SqlBed bed;
  SqlPool pool(bed.loop, patient(Postgres::shared().url()));
  for (const auto shape : {Shape::rows, Shape::row, Shape::scalar, Shape::raw}) {
    CAPTURE(static_cast<int>(shape));
    const auto answer = bed.ask(pool, "SELECT 1 AS a WHERE false", shape);
    CHECK(answer.kind == Kind::nothing);
    CHECK(answer.value.empty());
  }
  CHECK(bed.ask(pool, "SELECT NULL::text").kind == Kind::null);
  CHECK(bed.ask(pool, "SELECT NULL::bytea", Shape::raw).kind == Kind::null);
  CHECK(bed.ask(pool, "SELECT NULL AS a", Shape::row).value == R"({"a":null})");
  CHECK(bed.ask(pool, "SELECT 1 WHERE false", Shape::none).kind == Kind::value);
  CHECK(bed.ask(pool, "").error == "the statement is empty");
  CHECK(bed.ask(pool, "COPY (SELECT 1) TO STDOUT").kind == Kind::error);
  CHECK(bed.ask(pool, "SELECT 1; SELECT 2").sqlstate == "42601");
  CHECK(bed.ask(pool, "SELECT 2").value == "2");
}

TEST_CASE("SQL: a parameter is a value whatever it says, and never a part of the statement") {
  Superuser superuser;
  superuser.run("DROP TABLE IF EXISTS products");
  superuser.run("CREATE TABLE products (id text, name text)");
  superuser.run("INSERT INTO products VALUES ('1', 'one'), ('x''; DROP', 'odd')");
  SqlBed bed;
  SqlPool pool(bed.loop, patient(Postgres::shared().url()));
  const std::string sql = "SELECT name FROM products WHERE id = $1";
  CHECK(bed.ask(pool, sql, Shape::row, {{"1"}}).value == R"({"name":"one"})");
  CHECK(bed.ask(pool, sql, Shape::scalar, {{"x'; DROP"}}).value == "odd");
  for (const std::string hostile :
       {"x'; DROP TABLE products;--", "1' OR '1'='1", "') AS t; DROP TABLE products;--", "$1",
        "\\'; DROP TABLE products;--", "E'\\047 OR true--", "\xef\xbc\x87 OR 1=1"}) {
    CAPTURE(hostile);
    CHECK(bed.ask(pool, sql, Shape::rows, {hostile}).kind == Kind::nothing);
    CHECK(bed.ask(pool, "SELECT $1::text", Shape::scalar, {hostile}).value == hostile);
  }
  CHECK(bed.ask(pool, "SELECT $1::int", Shape::scalar, {{"1 OR true"}}).sqlstate == "22P02");
  CHECK(bed.ask(pool, "SELECT $1::text", Shape::scalar, {std::nullopt}).kind == Kind::null);
  CHECK(superuser.ask("SELECT count(*) FROM products") == "2");
}

TEST_CASE("SQL: invalid UTF-8 or a NUL in a parameter is refused before anything is sent") {
  SqlBed bed;
  SqlPool pool(bed.loop, patient("host=127.0.0.1 port=1"));
  const std::string sql = "SELECT $1 || $2";
  const auto invalid = bed.ask(pool, sql, Shape::scalar, {{"a"}, {"\xc0\x27"}});
  CHECK(invalid.kind == Kind::error);
  CHECK(invalid.error == "$2 is not valid UTF-8");
  const auto nul = bed.ask(pool, sql, Shape::scalar, {{std::string("a\0b", 3)}, {"b"}});
  CHECK(nul.kind == Kind::error);
  CHECK(nul.error == "$1 has a NUL byte");
  CHECK(pool.status().state == std::string("unused"));
}

TEST_CASE("SQL: a statement that writes is refused, except by a pool that writes") {
  Superuser superuser;
  superuser.run("DROP TABLE IF EXISTS kept");
  superuser.run("CREATE TABLE kept AS SELECT 1 AS id");
  SqlBed bed;
  for (const bool is_pooled : {false, true}) {
    CAPTURE(is_pooled);
    auto settings = patient(Postgres::shared().url());
    settings.transaction_pool = is_pooled;
    SqlPool pool(bed.loop, settings);
    const auto answer = bed.ask(pool, "DELETE FROM kept RETURNING id");
    CHECK(answer.kind == Kind::error);
    CHECK(answer.sqlstate == "25006");
    CHECK(bed.ask(pool, "SELECT set_config('transaction_read_only', 'off', true)").sqlstate ==
          "25001");
    CHECK(bed.ask(pool, "SELECT count(*) FROM kept").value == "1");
    settings.writes = true;
    SqlPool writing(bed.loop, settings);
    CHECK(bed.ask(writing, "INSERT INTO kept VALUES (2)", Shape::none).kind == Kind::value);
    CHECK(bed.ask(writing, "DELETE FROM kept WHERE id = 2 RETURNING id").value == "2");
  }
}

TEST_CASE("SQL: a writing pool refreshes a materialized view, and even vacuums") {
  Superuser superuser;
  superuser.run("DROP MATERIALIZED VIEW IF EXISTS seen");
  superuser.run("CREATE MATERIALIZED VIEW seen AS SELECT 1 AS id");
  SqlBed bed;
  for (const bool is_pooled : {false, true}) {
    auto settings = Superuser::settings();
    settings.transaction_pool = is_pooled;
    SqlPool pool(bed.loop, settings);
    CHECK(bed.ask(pool, "REFRESH MATERIALIZED VIEW seen", Shape::none).kind == Kind::value);
    CHECK(bed.ask(pool, "VACUUM seen", Shape::none).kind == Kind::value);
  }
}

TEST_CASE("SQL: PostgreSQL ends a slow statement at its own limit, and the connection stays") {
  SqlBed bed;
  for (const bool is_pooled : {false, true}) {
    CAPTURE(is_pooled);
    auto settings = patient(Postgres::shared().url());
    settings.statement_timeout = milliseconds(50);
    settings.transaction_pool = is_pooled;
    settings.overflow = 0;
    settings.size = 1;
    SqlPool pool(bed.loop, settings);
    const auto before = bed.ask(pool, "SELECT pg_backend_pid()").value;
    const auto answer = bed.ask(pool, "SELECT pg_sleep(60)");
    CHECK(answer.kind == Kind::error);
    CHECK(answer.sqlstate == "57014");
    CHECK(bed.ask(pool, "SELECT pg_backend_pid()").value == before);
    CHECK(bed.ask(pool, "SELECT 1/0").sqlstate == "22012");
    CHECK(bed.ask(pool, "SELECT i AS n FROM generate_series(1,3) i", Shape::rows).value ==
          R"([{"n":1},{"n":2},{"n":3}])");
    CHECK(bed.ask(pool, "SELECT pg_backend_pid()").value == before);
  }
}

TEST_CASE("SQL: a statement that leaves a transaction open costs its connection") {
  SqlBed bed;
  auto settings = patient(Postgres::shared().url());
  settings.size = 1;
  settings.overflow = 0;
  SqlPool pool(bed.loop, settings);
  const auto before = bed.ask(pool, "SELECT pg_backend_pid()").value;
  CHECK(bed.ask(pool, "BEGIN", Shape::none).error == "the statement left a transaction open");
  CHECK(bed.ask(pool, "SELECT pg_backend_pid()").value != before);
}

TEST_CASE("SQL: a frozen PostgreSQL costs a query its deadline, and the loop nothing") {
  SqlBed bed;
  SqlPool pool(bed.loop, patient(Postgres::shared().url()));
  const auto pid = std::stoi(bed.ask(pool, "SELECT pg_backend_pid()").value);
  ::kill(pid, SIGSTOP);
  auto query = query_of("SELECT 1");
  query.timeout = milliseconds(200);
  std::optional<SqlAnswer> answer;
  pool.run(query, [&answer](SqlAnswer got) { answer = std::move(got); });
  std::size_t turns = 0;
  bed.until([&] { return ++turns, answer.has_value(); });
  CHECK(answer->kind == Kind::timeout);
  CHECK(turns > 5);
  CHECK(bed.ask(pool, "SELECT 2").value == "2");
  ::kill(pid, SIGCONT);
}

TEST_CASE("SQL: a connection that breaks in the middle of its rows leaves nothing of them") {
  Superuser superuser;
  SqlBed bed;
  auto settings = patient(Postgres::shared().url());
  SqlPool pool(bed.loop, settings);
  // What comes first fills a buffer, so that a part is there before it ends.
  auto query = query_of(
      "SELECT i AS n, repeat('x', 2000) AS x, CASE WHEN i = 900 THEN pg_sleep(0.2)::text END AS s,"
      " CASE WHEN i = 950 THEN pg_terminate_backend(pg_backend_pid()) END AS t"
      " FROM generate_series(1, 1000) AS i",
      Shape::rows);
  const auto answer = bed.ask(pool, query);
  CHECK(answer.kind == Kind::lost);
  CHECK(answer.sqlstate == "57P01");
  CHECK(answer.value.empty());
  CHECK(pool.status().retries == 1);

  settings.writes = true;
  SqlPool writing(bed.loop, settings);
  CHECK(bed.ask(writing, query).kind == Kind::lost);
  CHECK(writing.status().retries == 0);
}

TEST_CASE("SQL: a query whose connection is ended is sent once more, and answered") {
  Superuser superuser;
  SqlBed bed;
  SqlPool pool(bed.loop, patient(Postgres::shared().url()));
  const auto pid = bed.ask(pool, "SELECT pg_backend_pid()").value;
  std::optional<SqlAnswer> answer;
  pool.run(query_of("SELECT pg_sleep(0.5)::text || pg_backend_pid()"),
           [&answer](SqlAnswer got) { answer = std::move(got); });
  bed.until([&] {
    return superuser.ask("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND pid = " +
                         pid) == "1";
  });
  superuser.ask("SELECT pg_terminate_backend(" + pid + ")");
  bed.until([&] { return answer.has_value(); });
  CHECK(answer->kind == Kind::value);
  CHECK(answer->value != pid);
  CHECK(pool.status().retries == 1);
}

/// In KiB.
std::size_t resident() {
  std::ifstream status("/proc/self/statm");
  std::size_t pages = 0;
  status >> pages >> pages;
  return pages * 4;
}

TEST_CASE("SQL: an answer that is too large is given up at once, and takes no memory") {
  SqlBed bed;
  SqlPool pool(bed.loop, patient(Postgres::shared().url()));
  bed.ask(pool, "SELECT 1");
  const auto before = resident();
  auto most = before;
  const auto why = [&](const SqlQuery& query) {
    std::optional<SqlAnswer> answer;
    pool.run(query, [&answer](SqlAnswer got) { answer = std::move(got); });
    bed.until([&] { return most = std::max(most, resident()), answer.has_value(); });
    CHECK(answer->kind == Kind::too_large);
    CHECK(answer->value.empty());
    return answer->error;
  };
  auto many = query_of("SELECT i FROM generate_series(1, 10000000) AS i", Shape::rows);
  CHECK(why(many) == "more than 10000 rows");
  many.max_rows = 100'000'000;
  many.max_bytes = 1 << 20;
  CHECK(why(many) == "more than 1048576 bytes");
  auto first = query_of("SELECT i FROM generate_series(1, 1000000) AS i");
  first.max_rows = 100'000;
  CHECK(why(first) == "more than 100000 rows");
  auto wide = query_of("SELECT repeat('x', 300000000)", Shape::rows);
  wide.max_bytes = 1 << 20;
  CHECK(why(wide) == "more than 1048576 bytes");
  wide.shape = Shape::row;
  CHECK(why(wide) == "more than 1048576 bytes");
#ifndef __SANITIZE_ADDRESS__  // It keeps what is freed.
  CHECK(most < before + (40 << 10));
#endif
  wide.shape = Shape::scalar;
  const auto told = why(wide);  // Which limit it meets first depends on how it comes.
  CHECK((told == "a row is too long" || told == "more than 1048576 bytes"));
  CHECK(bed.ask(pool, "SELECT 1").value == "1");
}

}  // namespace
}  // namespace pannier::tests
