#pragma once

#include <string>
#include <string_view>

namespace pannier::proxy::errors {

// One function per line of errors.def; each returns the whole error reply, CR LF included. The
// arguments fill the text's gaps in order.
#define PANNIER_ERROR(id, text) \
  std::string id(std::string_view first = {}, std::string_view second = {});
#include "proxy/errors.def"

}  // namespace pannier::proxy::errors
