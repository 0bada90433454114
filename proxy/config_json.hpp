#pragma once

#include <string>

#include "proxy/config_reader.hpp"

namespace pannier::proxy {

/// What a part of a configuration file says, as JSON: for what is JSON by its nature and only
/// written in YAML, such as the schema of a payload. `true`, `null` and numbers as JSON writes them
/// are what they look like; everything else, and all in quotes, is a text. What it gives is YAML as
/// well, for the same.
std::string json_of(const ConfigNode& node);

}  // namespace pannier::proxy
