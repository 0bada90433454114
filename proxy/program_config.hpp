#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "proxy/config.hpp"
#include "proxy/program.hpp"

namespace pannier::proxy {

/// A configuration that cannot be used; what() is one line, `place: what is wrong`.
struct BadConfig : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The file's settings with the command line's over them, checked again as a whole, and the mode of
/// the environment over both.
/// \throws BadConfig, which names the line of the file, the option or the variable.
Loaded load(const Options& options);

/// The files that the configuration reads beside its own: certificates, keys, secrets, schemas.
std::vector<std::string> other_files(const policies::Settings& settings);

}  // namespace pannier::proxy
