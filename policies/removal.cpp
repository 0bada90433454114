#include "policies/removal.hpp"

#include <algorithm>

#include "policies/journal_replay.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

bool Removal::keeps(const std::vector<SubjectRef>& subjects) {
  return std::ranges::all_of(subjects, [](const SubjectRef& subject) {
    const auto on_down = subject->rule->tier->on_down;
    return on_down == OnDown::memory || on_down == OnDown::stale;
  });
}

void Removal::sent(Core& core) const {
  if (link_.kind != Link::Kind::memory) return;
  for (const auto& subject : subjects_) {
    journal_for_later(core, {Journal::Kind::key, subject->db, subject->key});
  }
}

void Removal::settle(std::size_t part, std::string_view reply, Core& core) {
  if (part > 0) return;
  answered_ = true;
  writes_.clear();
  for (const auto& subject : subjects_) core.written(subject->table_key);
  core.reply_from(link_, ticket_, reply);
}

void Removal::fail(std::string_view, Core& core) {
  if (answered_) return;
  writes_.clear();
  for (const auto& subject : subjects_) {
    journal_invalidation(core, {Journal::Kind::key, subject->db, subject->key});
  }
  std::string reply;
  protocol::append_integer(reply, static_cast<std::int64_t>(subjects_.size()));
  core.reply(ticket_, reply);
}

}  // namespace pannier::policies
