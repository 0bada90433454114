#include "proxy/admin_roles.hpp"

#include <algorithm>

#include "protocol/command_table.hpp"

namespace pannier::proxy {

using policies::Role;
using protocol::equals_nocase;

std::optional<Need> need_of(const std::vector<std::string_view>& words) {
  if (words.empty()) return {};
  const auto looks = [&](std::string_view when) {
    if (when == "always") return true;
    if (when == "never") return false;
    if (when == "alone") return words.size() == 1;
    return words.size() > 1 && equals_nocase(words[1], protocol::lower(when));
  };
#define PANNIER_ACTION(name, words_text, argument, when, role, text)       \
  if (equals_nocase(words[0], #name)) {                                    \
    return looks(when) ? Need{true, Role::read} : Need{false, Role::role}; \
  }
#include "policies/actions.def"
  return {};
}

bool is_own_name(std::string_view name) {
  constexpr std::string_view others[] = {"metrics", "livez",  "readyz", "healthz",
                                         "live",    "events", "values"};
  return std::ranges::find(others, name) != std::end(others) || need_of({name}).has_value();
}

}  // namespace pannier::proxy
