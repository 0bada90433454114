#pragma once

#include <optional>
#include <string>

#include "policies/request.hpp"

namespace pannier::policies {

// What commands do to the rows of second tiers, see second_tier.hpp.

/// Does that before the command is sent upstream. \returns nothing while it goes on: the command is
/// to be held; then an error, or an empty text.
std::optional<std::string> write_tables(const Request& request, Core& core);

/// Why a command cannot be sent on a connection of the client's own, where nobody would do that.
/// In words that are a sentence; empty if it can.
std::string objection_to_tables(const Request& request, const Core& core);

/// What was done for a command that is not sent after all is undone.
void forget_step(Client& client, Core& core);

/// How long a value is believed that has a row, while upstream is away.
inline constexpr milliseconds row_kept_away{1'000};

/// The command has been sent over `link`.
void wrote_tables(const Request& request, Link link, Core& core);

/// The row that a load has asked for is not there, or could not be read: one of those who wait
/// loads the key. REQUIRES that the load has its lease.
void row_missing(const OriginLoad& load, Core& core);

}  // namespace pannier::policies
