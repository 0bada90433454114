#include "proxy/table_writer.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <iterator>
#include <utility>

#include "proxy/config_parts.hpp"
#include "proxy/log.hpp"
#include "proxy/sql_parameters.hpp"

namespace pannier::proxy {

namespace {

constexpr policies::milliseconds margin{500};

}  // namespace

TableWriter::TableWriter(Server& server, SqlJobs& jobs) : server_(server), jobs_(jobs) {
  server_.ask_tables_by([this](policies::TableCall call) { return take(std::move(call)); });
}

bool TableWriter::take(policies::TableCall call) {
  const auto until = server_.turn().now + call.timeout;
  const auto database = call.database;
  queues_[database].waiting.push_back({std::move(call), until});
  // The pipeline is at work; it is answered in a turn of its own in any case.
  asio::post(server_.loop(), [this, name = database] {
    server_.begin_turn();
    start_next(name);
  });
  return true;
}

std::size_t TableWriter::most_of(const std::string& database) const {
  const auto& origins = server_.settings().origins;
  const auto* found = origins ? find_database(*origins, database) : nullptr;
  return found == nullptr ? 1 : found->pool_size.value + found->pool_overflow.value;
}

void TableWriter::start_next(const std::string& database) {
  auto& queue = queues_[database];
  const auto most = most_of(database);
  while (queue.running < most && !queue.waiting.empty()) {
    auto [call, until] = std::move(queue.waiting.front());
    queue.waiting.pop_front();
    if (server_.turn().now >= until) {
      told(call.id, {call.name + ": no turn within its timeout; see pool_size", true});
      continue;
    }
    ++queue.running;
    run(std::move(call), until);
  }
}

void TableWriter::run(policies::TableCall call, policies::TimePoint until) {
  SqlQuery query;
  call.params.resize(std::min(call.params.size(), parameters_in(call.sql)));
  query.params.assign(std::make_move_iterator(call.params.begin()),
                      std::make_move_iterator(call.params.end()));
  query.sql = std::move(call.sql);
  // PostgreSQL ends it by itself before that, mostly: then it is known that nothing was done.
  query.timeout =
      margin + std::chrono::duration_cast<policies::milliseconds>(until - server_.turn().now);
  jobs_.run(
      call.database, {call.timeout, false}, std::move(query),
      [this, id = call.id, name = call.name, database = call.database](const SqlAnswer& answer) {
        using AnswerKind = SqlAnswer::Kind;
        policies::TableOutcome outcome;
        if (answer.kind != AnswerKind::value && answer.kind != AnswerKind::nothing) {
          outcome.error = name + ": " + error_text(answer);
          outcome.is_known = answer.kind != AnswerKind::timeout && answer.kind != AnswerKind::lost;
          failed(outcome.error);
        }
        --queues_[database].running;
        told(id, outcome);
        start_next(database);
      });
}

void TableWriter::failed(const std::string& error) {
  ++server_.pipeline().counters().second_tier_failures;
  const auto now = server_.turn().now;
  if (now - logged_ < policies::seconds(1)) return;
  logged_ = now;
  log::warning("second_tier_failed", {{"error", error}});
}

void TableWriter::told(std::uint64_t call, const policies::TableOutcome& outcome) {
  server_.pipeline().table_answered(call, outcome, server_.turn().now);
}

}  // namespace pannier::proxy
