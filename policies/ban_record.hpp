#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "policies/core.hpp"

namespace pannier::policies {

/// Reads upstream's record of bans over the lane of `db`, unless that was done and nothing has
/// changed since. Whatever is asked over that lane from now on is answered when they are known.
/// What upstream has lost of what is known here, it is told again.
void read_bans(Core& core, std::uint32_t db);

/// The same for all databases with bans of which something may have changed: whoever starts later
/// must find them, also where nobody asks for anything meanwhile.
void read_lost_bans(Core& core);

/// Whether what another connection than the lane says of keys in `db` can be judged now; if not,
/// it has been asked for, and clients are resumed when it is there.
bool has_bans(Core& core, std::uint32_t db);

/// Appends: these bans are made, as of one moment. One reply, that moment in milliseconds.
void append_bans(std::string& wire, const std::vector<Ban>& bans, const Core& core);

/// They were made at `at`: from now on they count here. \returns whether any was not known.
bool learn_bans(Core& core, std::uint32_t db, const std::vector<Ban>& bans, ServerTime at);

}  // namespace pannier::policies
