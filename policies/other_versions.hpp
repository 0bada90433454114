#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policies/core.hpp"

namespace pannier::policies {

// What is written in one version of a key, or removed from it, is often there in others.

/// Adds what upstream calls the key in other versions than `served`: in the one before, if that may
/// still be served in place of this one; and if it is removed, because it is wrong, in all that
/// somebody uses.
void add_other_versions(const Core& core, std::vector<std::string>& names, std::string_view key,
                        const Rule& rule, std::uint64_t served, bool removes);

/// Removes them, before the command that is sent next. What `removes` is not lost with the
/// connection; what is only superseded may be, and then ends with the grace.
void end_other_versions(Core& core, std::uint32_t db, const std::vector<std::string>& names,
                        bool removes);

}  // namespace pannier::policies
