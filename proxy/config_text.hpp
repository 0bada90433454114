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

inline constexpr std::string_view aliases_are_refused =
    "aliases (*name) are not read; quote a pattern that begins with *";

/// What yaml-cpp's `message` about a line of `text` most often means to who wrote the line.
std::string explained_yaml_error(std::string_view message, std::string_view text, int line);

}  // namespace pannier::proxy
