#pragma once

#include <prometheus/metric_family.h>

#include <vector>

#include "protocol/value.hpp"

namespace pannier::proxy {

/// Adds what OriginRunner::report() tells, by the names of origins and databases, of which there
/// are as many as the configuration has.
void add_origins(std::vector<prometheus::MetricFamily>& families, const protocol::Value& report);

}  // namespace pannier::proxy
