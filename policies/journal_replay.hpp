#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policies/core.hpp"

namespace pannier::policies {

// Invalidations while upstream is away: they take effect here at once, are kept in the journal, and
// reach upstream before anything it says is believed again.

/// An invalidation could not be carried out upstream, or nobody knows whether it was.
void journal_invalidation(Core& core, Journal::Entry entry);

/// Its place upstream was taken by the memory store, where it was carried out.
void journal_for_later(Core& core, Journal::Entry entry);

/// Upstream was lost, or the lane to one of its databases, and with it perhaps what it had been
/// told in the last seconds (a failover): that is told again.
void journal_recent(Core& core, std::optional<std::uint32_t> db = std::nullopt);

/// Whether upstream may still have what the journal is about: nothing is read before it was told.
bool awaits_replay(const Core& core);
/// The error reply for whoever has waited long enough because upstream refuses the journal; empty
/// while waiting makes sense.
std::string replay_refusal(const Core& core);
/// Everybody who waited for the replay goes on, if it is over.
void resume_after_replay(Core& core);

/// Appends what raises a tag's generation. One reply, its record ...
void append_raise(std::string& wire, const Journal::Entry& tag, const Core& core);
/// ... and this is what follows from it.
void carry_out_tag(Core& core, Link lane, const Journal::Entry& tag, std::string_view record);

/// Sends the journal upstream, if it is there: in order, a batch at a time, each when the one
/// before was answered. What is refused is tried again after a pause.
void replay_journal(Core& core);
inline constexpr std::size_t replay_batch = 100;
inline constexpr milliseconds replay_pause{100};

/// What a client is told whose invalidation was journaled: a status reply.
inline constexpr std::string_view journaled_reply =
    "+journaled: upstream is away; in effect here, and there before it is trusted again\r\n";

}  // namespace pannier::policies
