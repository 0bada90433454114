#include "proxy/table_writer.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "proxy/config_parts.hpp"
#include "proxy/log.hpp"

namespace pannier::proxy {

TableWriter::TableWriter(Server& server, SqlJobs& jobs) : server_(server), jobs_(jobs) {
  server_.ask_tables_by([this](policies::TableCall call) { return take(std::move(call)); });
}

bool TableWriter::take(policies::TableCall call) {
  // The pipeline is at work; it is answered in a turn of its own in any case.
  asio::post(server_.loop(), [this, call = std::move(call)]() mutable {
    SqlQuery query;
    query.sql = call.sql;
    call.params.resize(std::min(call.params.size(), parameters_in(call.sql)));
    query.params.assign(call.params.begin(), call.params.end());
    query.timeout = call.timeout;
    jobs_.run(call.database, {}, std::move(query),
              [this, id = call.id, name = call.name](const SqlAnswer& answer) {
                std::string error;
                if (answer.kind != SqlAnswer::Kind::value && answer.kind != SqlAnswer::Kind::nothing) {
                  error = name + ": " + answer.error;
                  if (!answer.sqlstate.empty()) error += " (SQLSTATE " + answer.sqlstate + ")";
                  log::warning("second_tier_failed", {{"error", error}});
                }
                server_.pipeline().table_answered(id, error, server_.turn().now);
              });
  });
  return true;
}

}  // namespace pannier::proxy
