#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "policies/key_sweep.hpp"

namespace pannier::policies {

/// Removes what bans cover, or only counts it where all of them are soft: one walk over the keys
/// for all of them. \param found counts what is found while it goes on. \param done as KeySweep's.
void sweep_bans(Link lane, std::vector<Ban> bans, std::shared_ptr<std::uint64_t> found,
                KeySweep::Done done, Core& core);

/// A glob of SCAN that matches at least every key that these bans cover, as upstream calls them.
std::string scan_glob(const std::vector<Ban>& bans, const RuleSet& rules);

}  // namespace pannier::policies
