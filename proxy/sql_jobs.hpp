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

/// Runs statements that are no loads, and may write: those of schedules and second tiers. A
/// database has connections for each kind of use, beside those of its origins.
class SqlJobs {
 public:
  explicit SqlJobs(Server& server) : server_(server) {}
  ~SqlJobs();
  SqlJobs(const SqlJobs&) = delete;
  SqlJobs& operator=(const SqlJobs&) = delete;

  /// Called later, in a turn of its own.
  using Done = std::function<void(const SqlAnswer& answer)>;
  /// How PostgreSQL is to treat a statement.
  struct Use {
    policies::milliseconds timeout{0};  ///< Its statement_timeout; 0: the database's.
    bool is_alone = false;              ///< One connection is enough; else as many as for origins.
    auto operator<=>(const Use&) const = default;
  };
  /// \param database by name, or empty where there is one.
  void run(const std::string& database, Use use, SqlQuery query, Done done);
  /// What runs on a database that is another one now has failed.
  void reload();

 private:
  Server& server_;
  struct Pool {
    SqlPoolSettings settings;
    std::shared_ptr<SqlPool> pool;
  };
  static SqlPoolSettings settings_of(const policies::PostgresSettings& database, Use use);
  void stop(std::shared_ptr<SqlPool> pool);
  std::map<std::pair<std::string, Use>, Pool> pools_;
};

}  // namespace pannier::proxy
