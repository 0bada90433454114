#include "proxy/sql_jobs.hpp"

#include <boost/asio/post.hpp>

#include "proxy/config_parts.hpp"

namespace pannier::proxy {

SqlPoolSettings pool_settings(const policies::PostgresSettings& database) {
  SqlPoolSettings settings;
  settings.url = database.address;
  settings.size = database.pool_size.value;
  settings.overflow = database.pool_overflow.value;
  settings.queue = database.queue.value;
  settings.queue_timeout = database.queue_timeout;
  settings.connect_timeout = database.connect_timeout;
  settings.statement_timeout = database.statement_timeout;
  settings.transaction_pool = database.transaction_pool;
  return settings;
}

void SqlJobs::run(const std::string& database, const std::string& sql,
                  policies::milliseconds timeout, Done done) {
  const auto& origins = server_.settings().origins;
  const auto* found = origins ? find_database(*origins, database) : nullptr;
  if (found == nullptr) {
    return asio::post(server_.loop(), [this, done = std::move(done)] {
      server_.begin_turn();
      SqlAnswer gone;
      gone.kind = SqlAnswer::Kind::unavailable;
      gone.error = "its database is configured no more";
      done(gone);
    });
  }
  auto& pool = pools_[{found->name, timeout}];
  if (!pool) {
    auto settings = pool_settings(*found);
    settings.size = 1;
    settings.overflow = 0;
    settings.queue_timeout = timeout;
    settings.statement_timeout = timeout;
    settings.writes = true;
    pool = std::make_shared<SqlPool>(server_.loop(), std::move(settings));
  }
  SqlQuery query;
  query.sql = sql;
  query.shape = SqlQuery::Shape::none;
  query.timeout = timeout + policies::seconds(1);
  pool->run(std::move(query), [this, done = std::move(done)](const SqlAnswer& answer) {
    server_.begin_turn();
    done(answer);
  });
}

void SqlJobs::stop() {
  for (auto& [name, pool] : std::exchange(pools_, {})) {
    pool->stop();
    // What it answers now comes before its end.
    asio::post(server_.loop(), [gone = std::move(pool)] {});
  }
}

}  // namespace pannier::proxy
