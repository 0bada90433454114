#pragma once

#include <string>
#include <string_view>

namespace pannier::proxy {

/// The text with each byte that is not part of valid UTF-8 replaced by U+FFFD: keys are bytes, JSON
/// and Prometheus text are not.
std::string valid_utf8(std::string_view bytes);

}  // namespace pannier::proxy
