#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "proxy/sql_pool.hpp"
#include "tests/support/postgres.hpp"

namespace pannier::tests {

using proxy::Loop;
using proxy::SqlAnswer;
using proxy::SqlPool;
using proxy::SqlPoolSettings;
using proxy::SqlQuery;
using Kind = SqlAnswer::Kind;
using Shape = SqlQuery::Shape;
using policies::milliseconds;
using Params = std::vector<std::optional<std::string>>;

inline SqlQuery query_of(std::string sql, Shape shape = Shape::scalar, Params params = {}) {
  SqlQuery query;
  query.sql = std::move(sql);
  query.shape = shape;
  query.params = std::move(params);
  // So long that only what hangs meets it.
  query.timeout = milliseconds(60'000);
  return query;
}

/// Generous: the machine may be slow.
inline SqlPoolSettings patient(const std::string& url) {
  SqlPoolSettings settings;
  settings.url = url;
  settings.queue_timeout = settings.connect_timeout = settings.statement_timeout =
      milliseconds(60'000);
  return settings;
}

/// A loop, and what one wants of it.
struct SqlBed {
  Loop loop;

  /// Runs the loop until it is so; fails the test when that takes too long.
  void until(const std::function<bool()>& is_so) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    proxy::Timer turn(loop);
    while (!is_so()) {
      if (std::chrono::steady_clock::now() > end) FAIL("it takes too long");
      turn.expires_after(milliseconds(5));
      turn.async_wait([](boost::system::error_code) {});
      loop.restart();
      loop.run_one();
    }
  }

  SqlAnswer ask(SqlPool& pool, SqlQuery query) {
    std::optional<SqlAnswer> answer;
    pool.run(std::move(query), [&answer](SqlAnswer got) { answer = std::move(got); });
    CHECK_FALSE(answer);
    until([&answer] { return answer.has_value(); });
    return *answer;
  }
  SqlAnswer ask(SqlPool& pool, std::string sql, Shape shape = Shape::scalar, Params params = {}) {
    return ask(pool, query_of(std::move(sql), shape, std::move(params)));
  }
};

/// Asks what the tests want to be done, as the superuser.
struct Superuser {
  SqlBed bed;
  SqlPool pool;

  Superuser() : pool(bed.loop, settings()) {}
  std::string ask(std::string sql) {
    const auto answer = bed.ask(pool, std::move(sql));
    CHECK_MESSAGE(answer.error.empty(), answer.error);
    return answer.value;
  }
  void run(std::string sql) {
    const auto answer = bed.ask(pool, std::move(sql), Shape::none);
    CHECK_MESSAGE(answer.error.empty(), answer.error);
  }

  static SqlPoolSettings settings() {
    auto settings = patient(Postgres::shared().url());
    settings.writes = true;
    return settings;
  }
};

}  // namespace pannier::tests
