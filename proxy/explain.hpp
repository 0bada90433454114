#pragma once

#include <string>

namespace pannier::proxy {

/// What `pannier explain` is told.
struct ExplainOptions {
  std::string key;
  std::string admin;   ///< The HTTP port of a sidecar that runs ...
  std::string config;  ///< ... or, if not empty, a file: what can be said without Redis.
};

/// Prints which rule a key falls under and what follows, a line each: `tier: hot`. A sidecar that
/// runs also says how old the value is and what the next GET would do. Its token, if it wants one,
/// is taken from the environment (PANNIER_TOKEN), where it stands in no list of processes.
/// \returns the exit code: 0, 1 when no sidecar answered or it refused, 78 for a bad file.
int explain(const ExplainOptions& options);

}  // namespace pannier::proxy
