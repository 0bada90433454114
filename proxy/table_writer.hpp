#pragma once

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

  Server& server_;
  SqlJobs& jobs_;
};

}  // namespace pannier::proxy
