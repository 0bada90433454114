#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "proxy/config_document.hpp"

namespace pannier::proxy {

struct NotText {
  Mark mark;
  std::string sentence;
};

/// The first byte that has no place in a text file: a control character other than tab, CR and LF,
/// or something that is not UTF-8. Nothing when all is well.
std::optional<NotText> find_not_text(std::string_view text);

}  // namespace pannier::proxy
