#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policies/core.hpp"

namespace pannier::policies {

// Tags that a key has beyond those of its rule: because of what stands in its value (`tags_from`),
// or because somebody said so (PANNIER TAG). Neither is known before a look upstream; the first are
// computed from the very value that is judged, so nothing beside it can be lost or be of another
// value.

/// What upstream keeps of a key's run-time tags, `pn:k:<key>`: `<floor> <tag>...`, tags by their
/// names. The floor, in milliseconds, is the newest generation of tags that the key no longer has:
/// what was invalid under one of them stays so. A value without a record is invalid, because its
/// tags may have been lost; so every write of such a key creates one.
struct TagRecord {
  static constexpr std::string_view key_prefix = "pn:k:";
  static std::string key(std::string_view key) { return std::string(key_prefix) += key; }

  ServerTime floor{};
  std::vector<std::string> tags;

  /// Nothing when it cannot be read.
  static std::optional<TagRecord> parse(std::string_view text);
  std::string text() const;
};

/// What stands in a value.
struct ValueFacts {
  /// By its rule's `tags_from`, sorted, none twice; none if the value is no JSON or beyond the
  /// bounds, which is counted.
  std::vector<std::string> tags;
  bool is_incomplete = false;  ///< By its rule's `incomplete`: it lives less long.
};
ValueFacts facts_of_value(const Subject& subject, std::string_view value);

/// The subject with the tags and the life that a value has which is to be stored; itself if they
/// are its rule's.
SubjectRef with_tags_of(const SubjectRef& subject, std::string_view value);

/// Appends the question for the key's record, tracked on the lane. \returns the number of replies,
/// of which the last is the record's; 0 where the rule has no run-time tags.
std::uint32_t append_record_question(std::string& wire, const Subject& subject);
/// Appends the question for the value itself, as much of it as may have tags. One reply, or none.
std::uint32_t append_value_question(std::string& wire, const Subject& subject);

/// Takes what was found out about a key's tags.
class FoundTags {
 public:
  /// A string; of other types there is nothing to say.
  void value(const Subject& subject, std::string_view text);
  void record_reply(std::string_view reply);
  /// The subject with all of its tags; `asked` when.
  SubjectRef subject(const SubjectRef& known, ServerTime asked) const;

 private:
  ValueFacts facts_;
  std::optional<TagRecord> record_;
};

/// The subject as its rule alone makes it.
inline const SubjectRef& by_rule(const SubjectRef& subject) {
  return subject->base ? subject->base : subject;
}

/// What a write makes of the value that is there.
enum class Replaces { all, part };
/// Appends, before a write of the key, what keeps its record at least as long as its value, and
/// creates it with a value. \returns the number of replies.
std::uint32_t append_record_upkeep(std::string& wire, const Subject& subject, Replaces what,
                                   const Core& core);

/// Appends, before a value that was missed at `missed` is stored, what creates the generations of
/// tags nobody knew then. \returns the number of replies.
std::uint32_t append_creations(std::string& wire, const Subject& subject, ServerTime missed,
                               const Core& core);
/// The same for these tags, whoever knows them; one reply. Without any it sees to it that upstream
/// remembers from now on when a tag is invalidated.
void append_creations_of(const std::vector<std::string>& tags, std::string& wire, ServerTime began,
                         const Core& core);

/// The tags of a copy, kept beside it under a question that no command asks.
inline constexpr std::string_view copied_tags_question = "\x01tags";
std::vector<std::string> tags_of_copy(std::string_view kept);
/// Makes a value or the knowledge that there is none a copy (LocalCopies::replace), with its tags
/// where those of its rule are not all.
void keep_copy(Core& core, const Subject& subject, const LocalCopies::View& view,
               std::string_view value, TimePoint until);

}  // namespace pannier::policies
