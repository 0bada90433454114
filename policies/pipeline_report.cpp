// What the pipeline tells about loads under way: LEASES.

#include "policies/pipeline.hpp"

namespace pannier::policies {

using protocol::Value;

namespace {

std::int64_t in_ms(microseconds time) {
  return std::chrono::duration_cast<milliseconds>(time).count();
}

}  // namespace

Value Pipeline::leases(std::size_t most, TimePoint now) const {
  Value::List lines;
  for (const auto& lease : core_.leases.list(most)) {
    const bool is_ours = lease.holder != LeaseTable::elsewhere;
    Value holder{static_cast<std::int64_t>(lease.holder)};
    if (!is_ours) holder = Value{"another sidecar's client"};
    lines.push_back({Value::Map{{"key", {std::string(lease.key.substr(4))}},
                                {"holder", std::move(holder)},
                                {"age_ms", {in_ms(now - lease.granted)}},
                                {"ends_in_ms", {in_ms(lease.deadline - now)}},
                                {"waiting", {static_cast<std::int64_t>(lease.waiting)}}}});
  }
  return {std::move(lines)};
}

}  // namespace pannier::policies
