#pragma once

#include <optional>
#include <string>

namespace pannier::proxy {

/// What the command line says; unset values come from the configuration file.
struct Options {
  std::string config;  ///< Empty: no file, every setting at its default.
  std::optional<std::string> listen, upstream, admin;
};

/// Runs the sidecar until it is told to stop. \returns the exit code: 0 after SIGTERM or SIGINT,
/// 78 for a bad configuration, 98 for an address that is in use, 70 for anything unexpected.
int run(const Options& options);

/// Says whether the file could be loaded; with `print`, every setting as it would be.
/// \returns 0, or 78 after printing what is wrong and where.
int check(const std::string& file, bool print);

}  // namespace pannier::proxy
