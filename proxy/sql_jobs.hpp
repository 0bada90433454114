#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "policies/origin.hpp"
#include "proxy/server.hpp"
#include "proxy/sql_pool.hpp"

namespace pannier::proxy {

/// How a database of the configuration is connected to.
SqlPoolSettings pool_settings(const policies::PostgresSettings& database);

/// Runs statements that are no loads, and may write: those of schedules. Each database has one
/// connection for them, beside those of its origins.
class SqlJobs {
 public:
  explicit SqlJobs(Server& server) : server_(server) {}
  ~SqlJobs() { stop(); }
  SqlJobs(const SqlJobs&) = delete;
  SqlJobs& operator=(const SqlJobs&) = delete;

  /// Called later, in a turn of its own.
  using Done = std::function<void(const SqlAnswer& answer)>;
  /// \param database by name, or empty where there is one.
  void run(const std::string& database, const std::string& sql, policies::milliseconds timeout,
           Done done);
  /// Databases may be others now: what runs has failed.
  void stop();

 private:
  Server& server_;
  std::map<std::pair<std::string, policies::milliseconds>, std::shared_ptr<SqlPool>> pools_;
};

}  // namespace pannier::proxy
