// Writes of keys under rules but SET and its like.

#include <utility>

#include "policies/guard.hpp"
#include "policies/journal_replay.hpp"
#include "policies/store.hpp"
#include "policies/test_bugs.hpp"

namespace pannier::policies {

void Write::settle(std::size_t part, std::string_view reply, Core& core) {
  if (part >= fills_from_ && part - fills_from_ < fills_.size()) {
    const auto& [subject, expected] = fills_[part - fills_from_];
    // It was left out, or has been removed since.
    if (guard::answer_of(reply) != expected) core.row_removals.add(core, subject, {true, false});
    return;
  }
  if (part != at_) return;
  answered_ = true;
  writes_.clear();
  if (reply.starts_with('-')) take_back_rows(core);
  for (const auto& subject : subjects_) {
    core.removed(*subject, link_, true);
    core.written(subject->table_key);
  }
  core.reply_from(link_, ticket_, reply);
}

void Write::take_back_rows(Core& core) {
  for (const auto& subject : std::exchange(rows_, {})) core.row_removals.add(core, subject, {});
}

void Write::fail(std::string_view error, Core& core) {
  if (answered_) return;
  if (has(Bug::retry_incr) && !wire_.empty()) {
    core.send(link_, wire_, 1,
              std::make_unique<Write>(link_, ticket_, subjects_, std::exchange(writes_, {})));
    return;
  }
  for (const auto& subject : subjects_) core.close_flight(subject->table_key);
  writes_.clear();
  for (const auto& subject : rows_) {
    journal_invalidation(core, {Journal::Kind::key, subject->db, subject->key});
  }
  take_back_rows(core);
  core.reply(ticket_, error);
}

}  // namespace pannier::policies
