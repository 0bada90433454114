#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "policies/core.hpp"
#include "policies/origin.hpp"

namespace pannier::policies {

/// That an origin has found nothing, as the whole fleet knows it: a record upstream beside the key,
/// `pn:n:<key>`, which says of which query, and when its load began. It counts as a value would
/// that began then: until an invalidation, until the key is written or removed by name, or for its
/// time.
///
/// A value under the key itself would be one to those who read Redis without a sidecar.
namespace absence {

inline constexpr std::string_view key_prefix = "pn:n:";
/// How long a sidecar believes what it has read there before it looks again.
inline constexpr milliseconds believed{50};

/// Writes the record for so long, and ends the fleet's lease of the key with that; nothing happens
/// if that is not ours any more, as when somebody has named the key. \returns false where there is
/// no fleet to tell, or no lease.
bool note(Core& core, const Subject& subject, ServerTime began, milliseconds time);
/// Appends the question for it. One reply.
void append_question(std::string& wire, std::string_view key);
/// When the load began that has found nothing, if that is what the answer says of this query.
std::optional<ServerTime> began_of(std::string_view reply, const OriginSettings& origin);
/// Whether that still counts, as far as the generations and bans known here tell.
bool counts(ServerTime began, const Subject& subject, const Core& core);
/// The key was written or removed, by name: what had not been found may be there, and who is
/// loading began too early.
void forget(Core& core, const std::string& table_key);

}  // namespace absence
}  // namespace pannier::policies
