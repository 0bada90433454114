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

void SqlJobs::run(const std::string& database, Use use, SqlQuery query, Done done) {
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
  auto& pool = pools_[{found->name, use}];
  if (!pool.pool) {
    pool.settings = settings_of(*found, use);
    pool.pool = std::make_shared<SqlPool>(server_.loop(), pool.settings);
  }
  query.shape = SqlQuery::Shape::none;
  pool.pool->run(std::move(query), [this, done = std::move(done)](const SqlAnswer& answer) {
    server_.begin_turn();
    done(answer);
  });
}

SqlPoolSettings SqlJobs::settings_of(const policies::PostgresSettings& database, Use use) {
  auto settings = pool_settings(database);
  settings.writes = true;
  if (use.is_alone) {
    settings.size = 1;
    settings.overflow = 0;
  }
  if (use.timeout.count() > 0) {
    settings.queue_timeout = use.timeout;
    settings.statement_timeout = use.timeout;
  }
  return settings;
}

SqlJobs::~SqlJobs() {
  for (auto& [name, pool] : std::exchange(pools_, {})) stop(std::move(pool.pool));
}

void SqlJobs::reload() {
  const auto& origins = server_.settings().origins;
  for (auto at = pools_.begin(); at != pools_.end();) {
    const auto& [name, use] = at->first;
    const auto* database = origins ? find_database(*origins, name) : nullptr;
    if (database != nullptr && settings_of(*database, use) == at->second.settings) {
      ++at;
      continue;
    }
    stop(std::move(at->second.pool));
    at = pools_.erase(at);
  }
}

void SqlJobs::stop(std::shared_ptr<SqlPool> pool) {
  pool->stop();
  // What it answers now comes before its end.
  asio::post(server_.loop(), [gone = std::move(pool)] {});
}

}  // namespace pannier::proxy
