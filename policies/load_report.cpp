#include "policies/load_report.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace pannier::policies {

using protocol::Value;

Value load_report(const Core& core) {
  auto report = core.effects.loaders();
  std::vector<std::pair<microseconds, const std::string*>> slowest;
  for (const auto& [name, rule] : core.book.rules) {
    if (rule.loads > 0) slowest.emplace_back(rule.seconds.quantile(.95), &name);
  }
  std::ranges::stable_sort(slowest, [](const auto& a, const auto& b) { return a.first > b.first; });
  Value::Map rules;
  for (const auto& [p95, name] : slowest) {
    const auto& rule = core.book.rules.at(*name);
    const auto number = [](std::uint64_t value) { return Value{static_cast<std::int64_t>(value)}; };
    rules.push_back({*name,
                     {Value::Map{{"loads", number(rule.loads)},
                                 {"avoided", number(rule.avoided)},
                                 {"failed", number(rule.failed)},
                                 {"timed", number(rule.seconds.total())},
                                 {"p50_us", {rule.seconds.quantile(.5).count()}},
                                 {"p95_us", {p95.count()}},
                                 {"p99_us", {rule.seconds.quantile(.99).count()}}}}});
  }
  if (auto* fields = std::get_if<Value::Map>(&report.data)) {
    fields->push_back({"rules", {std::move(rules)}});
  }
  return report;
}

}  // namespace pannier::policies
