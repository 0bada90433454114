#include "proxy/metrics_origins.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace pannier::proxy {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using protocol::Value;

namespace {

const Value* find(const Value& value, std::string_view name) {
  const auto* map = std::get_if<Value::Map>(&value.data);
  if (map == nullptr) return nullptr;
  for (const auto& [key, one] : *map) {
    if (key == name) return &one;
  }
  return nullptr;
}

double number(const Value& value, std::string_view name) {
  const auto* found = find(value, name);
  const auto* count = found ? std::get_if<std::int64_t>(&found->data) : nullptr;
  return count ? static_cast<double>(*count) : 0;
}

struct Figure {
  const char* name;
  const char* field;
  MetricType type;
  const char* help;
};

constexpr Figure of_origins[] = {
    {"pannier_origin_loads_total", "loads", MetricType::Counter, "Queries of the origin."},
    {"pannier_origin_stored_total", "stored", MetricType::Counter, "Results that Redis took."},
    {"pannier_origin_empty_total", "empty", MetricType::Counter, "Queries without a row."},
    {"pannier_origin_errors_total", "errors", MetricType::Counter, "Queries that failed."},
    {"pannier_origin_running", "running", MetricType::Gauge, "Queries under way."},
    {"pannier_origin_waiting", "waiting", MetricType::Gauge, "Loads that wait for their turn."},
};
constexpr Figure of_databases[] = {
    {"pannier_database_open", "open", MetricType::Gauge, "Connections."},
    {"pannier_database_busy", "busy", MetricType::Gauge, "Connections that run a query."},
    {"pannier_database_queued", "queued", MetricType::Gauge, "Queries that wait for one."},
    {"pannier_database_queries_total", "queries", MetricType::Counter, "Queries of its origins."},
    {"pannier_database_failed_connects_total", "failed_connects", MetricType::Counter,
     "Connections that could not be made."},
};

void add(std::vector<MetricFamily>& families, const Figure& figure, const std::string& label,
         const Value::Map& all) {
  auto& family = families.emplace_back(MetricFamily{figure.name, figure.help, figure.type, {}});
  for (const auto& [name, one] : all) {
    auto& metric = family.metric.emplace_back();
    metric.label = {{label, name}};
    (figure.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) =
        number(one, figure.field);
  }
}

void add_seconds(std::vector<MetricFamily>& families, const Value::Map& origins) {
  auto& family = families.emplace_back(
      MetricFamily{"pannier_origin_load_seconds",
                   "From the miss to the answer of the database, since the start.",
                   MetricType::Summary,
                   {}});
  for (const auto& [name, one] : origins) {
    auto& metric = family.metric.emplace_back();
    metric.label = {{"origin", name}};
    auto& summary = metric.summary;
    summary.sample_count = static_cast<std::uint64_t>(number(one, "timed"));
    summary.sample_sum = number(one, "total_us") / 1e6;
    summary.quantile = {{.5, number(one, "p50_us") / 1e6},
                        {.95, number(one, "p95_us") / 1e6},
                        {.99, number(one, "p99_us") / 1e6}};
  }
}

}  // namespace

void add_origins(std::vector<MetricFamily>& families, const Value& report) {
  const auto* found = find(report, "origins");
  const auto* origins = found ? std::get_if<Value::Map>(&found->data) : nullptr;
  if (origins && !origins->empty()) {
    for (const auto& figure : of_origins) add(families, figure, "origin", *origins);
    add_seconds(families, *origins);
  }
  found = find(report, "databases");
  const auto* databases = found ? std::get_if<Value::Map>(&found->data) : nullptr;
  if (!databases || databases->empty()) return;
  for (const auto& figure : of_databases) add(families, figure, "database", *databases);
}

}  // namespace pannier::proxy
