#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>

#include "proxy/sql_jobs.hpp"

namespace pannier::proxy {

/// Carries out what the pipeline does to the rows of second tiers.
class TableWriter {
 public:
  TableWriter(Server& server, SqlJobs& jobs);
  ~TableWriter() { server_.ask_tables_by({}); }
  TableWriter(const TableWriter&) = delete;
  TableWriter& operator=(const TableWriter&) = delete;

 private:
  /// Those of one database; as many run as it has connections.
  struct Queue {
    std::deque<std::pair<policies::TableCall, policies::TimePoint>> waiting;  ///< Until then.
    std::size_t running = 0;
  };

  bool take(policies::TableCall call);
  std::size_t most_of(const std::string& database) const;
  void start_next(const std::string& database);
  void run(policies::TableCall call, policies::TimePoint until);
  void failed(const std::string& error);
  void told(std::uint64_t call, const policies::TableOutcome& outcome);

  Server& server_;
  SqlJobs& jobs_;
  std::map<std::string, Queue> queues_;
  policies::TimePoint logged_{};
};

}  // namespace pannier::proxy
