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

/// Runs statements that are no loads, and may write: those of schedules. A database has a
/// connection for those of each timeout, beside those of its origins.
class SqlJobs {
 public:
  explicit SqlJobs(Server& server) : server_(server) {}
  ~SqlJobs();
  SqlJobs(const SqlJobs&) = delete;
  SqlJobs& operator=(const SqlJobs&) = delete;

  /// Called later, in a turn of its own.
  using Done = std::function<void(const SqlAnswer& answer)>;
  /// \param database by name, or empty where there is one.
  void run(const std::string& database, const std::string& sql, policies::milliseconds timeout,
           Done done);
  /// What runs on a database that is another one now has failed.
  void reload();

 private:
  Server& server_;
  struct Pool {
    SqlPoolSettings settings;
    std::shared_ptr<SqlPool> pool;
  };
  static SqlPoolSettings settings_of(const policies::PostgresSettings& database,
                                     policies::milliseconds timeout);
  void stop(std::shared_ptr<SqlPool> pool);
  std::map<std::pair<std::string, policies::milliseconds>, Pool> pools_;  ///< By name and timeout.
};

}  // namespace pannier::proxy
