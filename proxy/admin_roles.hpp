#pragma once

#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "policies/setting_types.hpp"

namespace pannier::proxy {

/// What it takes to run an action.
struct Need {
  bool looks = true;  ///< It changes nothing.
  policies::Role role = policies::Role::read;
};

/// Of the action with these words, the first of which is its name; nothing if there is none.
std::optional<Need> need_of(const std::vector<std::string_view>& words);

/// Whether `name` is the first word of a path of ours, be it no action.
bool is_own_name(std::string_view name);

}  // namespace pannier::proxy
