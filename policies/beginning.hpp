#pragma once

#include <string>
#include <string_view>

#include "policies/subject.hpp"
#include "policies/tag_names.hpp"
#include "policies/time.hpp"

/// Loads and writes that begin in the very millisecond of an invalidation, but after it.
///
/// They begin in the next one, since whatever began in that of an invalidation is invalid. Another
/// invalidation, of another tag of the key or by a ban, may follow in the same millisecond, and
/// must not count from before them. So such a beginning is announced upstream before anything can
/// follow from it, and an invalidation counts from the latest that its records tell, if that is
/// later than now: `pn:a` of anything, for bans, and `pn:a:<tag>` for each tag. They live until
/// that moment, so hardly ever any is there.
namespace pannier::policies::beginning {

inline constexpr std::string_view key = "pn:a";

/// Upstream's record of a tag.
std::string key_of(std::string_view tag);
/// Appends the records of a subject as bulk strings: one, and one for each of its tags.
void append_keys(std::string& wire, const Subject& subject);
/// Appends the command that announces that something of `subject` begins at `at`; one reply.
void append(std::string& wire, const Subject& subject, ServerTime at);

}  // namespace pannier::policies::beginning
