#include "proxy/table_writer.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "proxy/config_parts.hpp"
#include "proxy/log.hpp"

namespace pannier::proxy {

namespace {

/// Fewer than may wait for a connection, so that these do it here.
constexpr std::size_t most_at_once = 32;
constexpr policies::milliseconds margin{500};

}  // namespace

TableWriter::TableWriter(Server& server, SqlJobs& jobs) : server_(server), jobs_(jobs) {
  server_.ask_tables_by([this](policies::TableCall call) { return take(std::move(call)); });
}

bool TableWriter::take(policies::TableCall call) {
  waiting_.push_back({std::move(call), server_.turn().now});
  // The pipeline is at work; it is answered in a turn of its own in any case.
  asio::post(server_.loop(), [this] {
    server_.begin_turn();
    start_next();
  });
  return true;
}

void TableWriter::start_next() {
  while (running_ < most_at_once && !waiting_.empty()) {
    auto [call, since] = std::move(waiting_.front());
    waiting_.pop_front();
    if (server_.turn().now - since >= call.timeout) {
      told(call, {call.name + ": no turn within its timeout; see pool_size", true});
      continue;
    }
    ++running_;
    run(std::move(call));
  }
}

void TableWriter::run(policies::TableCall call) {
  SqlQuery query;
  query.sql = call.sql;
  call.params.resize(std::min(call.params.size(), parameters_in(call.sql)));
  query.params.assign(call.params.begin(), call.params.end());
  // PostgreSQL ends it by itself before that: then it is known that nothing was done.
  query.timeout = call.timeout + margin;
  jobs_.run(call.database, {call.timeout, false}, std::move(query),
            [this, call](const SqlAnswer& answer) {
              using Kind = SqlAnswer::Kind;
              policies::TableOutcome outcome;
              if (answer.kind != Kind::value && answer.kind != Kind::nothing) {
                outcome.error = call.name + ": " + answer.error;
                if (!answer.sqlstate.empty()) {
                  outcome.error += " (SQLSTATE " + answer.sqlstate + ")";
                }
                outcome.is_known = answer.kind != Kind::timeout && answer.kind != Kind::lost;
                log::warning("second_tier_failed", {{"error", outcome.error}});
              }
              --running_;
              told(call, outcome);
              start_next();
            });
}

void TableWriter::told(const policies::TableCall& call, const policies::TableOutcome& outcome) {
  server_.pipeline().table_answered(call.id, outcome, server_.turn().now);
}

}  // namespace pannier::proxy
