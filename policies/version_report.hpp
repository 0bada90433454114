#pragma once

#include "policies/core.hpp"
#include "protocol/value.hpp"

namespace pannier::policies {

/// What is to be said of a version whoever asks: PANNIER VERSION LIST and EXPLAIN.
/// `has_grace`: keys of the version before may still be read for a while.
protocol::Value::Map describe(const KeyVersions::Version& version, bool has_grace,
                              const Core& core);

/// Adds what EXPLAIN says of the version of a key, as one client is served it.
void describe_version(protocol::Value::Map& fields, const KeyVersions::Version& version,
                      const Subject& subject, const Core& core);

}  // namespace pannier::policies
