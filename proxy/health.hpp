#pragma once

#include <string>

namespace pannier::proxy {

/// What `pannier health` asks a sidecar that runs.
enum class Health {
  live,   ///< Whether its loop turns.
  ready,  ///< Whether it should be given traffic.
};

/// Asks the HTTP port at `address` (host:port, loopback, which probes from outside cannot reach)
/// and prints the answer, or on stderr why there is none. \returns the exit code: 0 for yes, 1 for
/// no, no answer, or an address that is none.
int health(const std::string& address, Health question);

}  // namespace pannier::proxy
