#pragma once

#include <deque>
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
  bool take(policies::TableCall call);
  void start_next();
  void run(policies::TableCall call);
  void told(const policies::TableCall& call, const policies::TableOutcome& outcome);

  Server& server_;
  SqlJobs& jobs_;
  std::deque<std::pair<policies::TableCall, policies::TimePoint>> waiting_;  ///< And since when.
  std::size_t running_ = 0;
};

}  // namespace pannier::proxy
