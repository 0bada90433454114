#include "policies/outdated_copies.hpp"

#include <algorithm>

#include "policies/found_tags.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

std::optional<std::string_view> outdated_copy(Core& core, const Subject& subject,
                                              std::string_view question) {
  const auto& rule = *subject.rule;
  if (!rule.serves_outdated() || core.mode != Mode::normal) return std::nullopt;
  const auto copy =
      core.copies.find_outdated(subject.db, subject.key, question, core.now, rule.kept_past_end());
  // That there was nothing is no value.
  if (!copy || copy->reply.starts_with('_')) return std::nullopt;
  auto tags = subject.tags;
  if (rule.finds_tags()) {
    const auto kept = core.copies.find_outdated(subject.db, subject.key, copied_tags_question,
                                                core.now, rule.kept_past_end());
    if (!kept) return std::nullopt;
    tags = tags_of_copy(kept->reply);
  }
  const bool is_valid = std::ranges::all_of(tags, [&](const std::string& tag) {
    const auto* known = core.generations.find(subject.db, tag);
    return known != nullptr && !known->pushed && known->moved <= copy->stamp;
  });
  return is_valid ? std::optional(copy->reply) : std::nullopt;
}

std::optional<std::string> outdated_values(Core& core, std::span<const Subject* const> subjects) {
  std::string reply;
  protocol::append_array(reply, subjects.size());
  for (const auto* subject : subjects) {
    const auto copy = outdated_copy(core, *subject, {});
    if (!copy) return std::nullopt;
    reply += *copy;
  }
  for (const auto* subject : subjects) count_outdated(subject->counters(), 1);
  return reply;
}

void count_outdated(TierCounters& counters, std::size_t reads) {
  counters.hits += reads;
  counters.local_hits += reads;
  counters.stale_on_error += reads;
}

}  // namespace pannier::policies
