#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policies/request.hpp"
#include "policies/store.hpp"

namespace pannier::policies {

/// Keeps a SET from storing what was computed before its key was removed ("stale set").
///
/// A miss remembers what was true when the key was looked at: here, by which exchange it was asked;
/// in the fleet, what the record `pn:d:<key>` said, which every removal changes in the same step.
/// The SET that ends the miss is stored only if that is still so, in one step as well; else the key
/// is removed once more and the client gets the OK of a SET that was followed by a DEL at once.
///
/// The record is Redis's time in microseconds, not a counter, so that one that was lost does not
/// begin anew at a number that somebody remembers; it lives twice as long as a miss is remembered.
/// The idea is the lease token of "Scaling Memcache at Facebook" (NSDI 2013).
namespace guard {

inline constexpr std::string_view record_prefix = "pn:d:";
/// What no record ever says: the SET is refused.
inline constexpr std::string_view never = "?";

/// Whether removals and fills of the key must be compared in the whole fleet now.
bool in_fleet(const Subject& subject, const Core& core);

/// Appends the question what the record says, before the client is told. One reply.
void append_question(std::string& wire, std::string_view key);
/// The same, and writes `ours` where there is none: then its loss will be noticed.
void append_creation(std::string& wire, std::string_view key, std::string_view ours);
/// What a miss remembers of the answer.
std::string answer_of(std::string_view reply);

/// What a fill must find in the record; nothing if it goes as a plain SET.
/// \param miss which it ends, if any.
std::optional<std::string> expected(const Subject& subject,
                                    const std::optional<OpenMisses::Miss>& miss, const Core& core);

/// Appends the SET that is stored only if the record says what is expected. Its reply is SET's own,
/// or, when it was refused, an array of "REFUSED" and what was there; with `plainly` it is always
/// SET's own.
void append_store(std::string& wire, const Subject& subject, const StoreRequest& request,
                  ServerTime expiry, std::string_view expected, bool plainly);

/// Appends an MSET in which some keys are stored only if their records say so. One reply, MSET's.
struct Pair {
  std::string_view key, value;
  std::optional<std::string> expected;
};
void append_mset(std::string& wire, const std::vector<Pair>& pairs);

/// Appends: what is computed from misses before this is not to be stored. One reply.
void append_move(std::string& wire, std::string_view key);
/// Appends a command that removes keys, in one step with that. One reply, the command's.
void append_removal(std::string& wire, const Request& request,
                    const std::vector<SubjectRef>& guarded);
void append_removal(std::string& wire, std::string_view command, std::string_view key);
/// Appends the removal of a key that was just stored, if it should not have been. One reply.
void append_check(std::string& wire, std::string_view key, std::string_view expected);

}  // namespace guard
}  // namespace pannier::policies
