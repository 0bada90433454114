#include "proxy/errors.hpp"

#include "protocol/reply.hpp"

namespace pannier::proxy::errors {

namespace {

std::string filled(std::string_view text, std::string_view first, std::string_view second) {
  std::string line(text);
  for (const auto part : {first, second}) {
    if (const auto gap = line.find("{}"); gap != line.npos) line.replace(gap, 2, part);
  }
  std::string reply;
  protocol::append_error(reply, line);
  return reply;
}

}  // namespace

#define PANNIER_ERROR(id, text)                                     \
  std::string id(std::string_view first, std::string_view second) { \
    return filled(text, first, second);                             \
  }
#include "proxy/errors.def"

}  // namespace pannier::proxy::errors
