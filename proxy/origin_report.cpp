// What operators see of origins.

#include <algorithm>
#include <functional>

#include "proxy/origin_runner.hpp"

namespace pannier::proxy {

using protocol::Value;

namespace {

std::int64_t number(std::uint64_t value) { return static_cast<std::int64_t>(value); }

}  // namespace

Value OriginRunner::report() const {
  Value::Map origins, databases;
  std::vector<std::string> slowest_first;
  for (const auto& [name, one] : counters_) slowest_first.push_back(name);
  std::ranges::stable_sort(slowest_first, std::greater(), [this](const std::string& name) {
    return counters_.at(name).seconds.quantile(.95);
  });
  for (const auto& name : slowest_first) {
    const auto& one = counters_.at(name);
    const auto queue = queues_.find(name);
    const auto running = queue == queues_.end() ? 0 : queue->second.running;
    const auto waiting = queue == queues_.end() ? 0 : queue->second.waiting.size();
    origins.push_back({name,
                       {Value::Map{{"loads", {number(one.loads)}},
                                   {"stored", {number(one.stored)}},
                                   {"empty", {number(one.empty)}},
                                   {"errors", {number(one.errors)}},
                                   {"running", {number(running)}},
                                   {"waiting", {number(waiting)}},
                                   {"timed", {number(one.seconds.total())}},
                                   {"total_us", {one.seconds.sum().count()}},
                                   {"p50_us", {one.seconds.quantile(.5).count()}},
                                   {"p95_us", {one.seconds.quantile(.95).count()}},
                                   {"p99_us", {one.seconds.quantile(.99).count()}},
                                   {"last_error", {one.last_error}}}}});
  }
  for (const auto& [name, settings, pool] : pools_) {
    const auto status = pool->status();
    databases.push_back({name,
                         {Value::Map{{"state", {std::string(status.state)}},
                                     {"open", {number(status.open)}},
                                     {"busy", {number(status.busy)}},
                                     {"queued", {number(status.queued)}},
                                     {"queries", {number(status.queries)}},
                                     {"retries", {number(status.retries)}},
                                     {"failed_connects", {number(status.failed_connects)}},
                                     {"last_error", {status.last_error}}}}});
  }
  return {Value::Map{{"origins", {std::move(origins)}}, {"databases", {std::move(databases)}}}};
}

}  // namespace pannier::proxy
