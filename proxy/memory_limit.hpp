#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "policies/settings.hpp"

namespace pannier::proxy {

/// How much memory the process may have: the least `memory.max` (cgroup v2) of its control group
/// and of those around it. Nothing where there is no such limit, or none that can be read.
/// \param groups what Linux says in /proc/self/cgroup. \param root where the groups are mounted.
std::optional<std::uint64_t> cgroup_memory_limit(const std::string& groups = "/proc/self/cgroup",
                                                 const std::string& root = "/sys/fs/cgroup");

/// Memory of the process that is resident; 0 where /proc cannot tell. Costs a microsecond.
std::uint64_t resident_bytes();

/// A sentence with both numbers when the bounds of the memory that is configured come to more than
/// three quarters of `limit`; empty when they do not.
std::string memory_warning(const policies::Settings& settings, std::optional<std::uint64_t> limit);

}  // namespace pannier::proxy
