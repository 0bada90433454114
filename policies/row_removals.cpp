#include "policies/row_removals.hpp"

#include <utility>

#include "policies/core.hpp"
#include "policies/guard.hpp"
#include "policies/journal_replay.hpp"

namespace pannier::policies {

namespace {

constexpr seconds pause{1};
constexpr std::size_t most_at_once = 16;

}  // namespace

void RowRemovals::add(Core& core, const std::shared_ptr<const Subject>& subject, Why why) {
  const auto& key = subject->table_key;
  if (open_.size() >= capacity && !open_.contains(key)) {
    ++core.book.rows_left;
    return;
  }
  auto& removal = open_[key];
  removal.subject = subject;
  removal.why.unlinks |= why.unlinks;
  removal.why.may_come_yet |= why.may_come_yet;
  removal.times = removal.why.may_come_yet ? 2 : 1;
  removal.next = core.now;
  removal.until = core.now + longest_life_of(*subject->rule->tier);
  run(key, removal, core);
}

void RowRemovals::written(const std::string& table_key) {
  const auto at = open_.find(table_key);
  if (at != open_.end() && !at->second.why.may_come_yet) open_.erase(at);
}

void RowRemovals::run(const std::string& key, Removal& removal, Core& core) {
  removal.run = ++runs_;
  const auto& tier = *removal.subject->rule->tier;
  // Where it is answered at once it has failed, and nothing here is erased.
  core.tables.begin(core, tier, tier.second_tier->sql_delete, {removal.subject->client_key},
                    [key, run = removal.run](const TableOutcome& outcome, Core& later) {
                      later.row_removals.ended(key, run, outcome.error.empty(), later);
                    });
}

void RowRemovals::ended(const std::string& key, std::uint64_t run, bool succeeded, Core& core) {
  const auto at = open_.find(key);
  if (at == open_.end() || at->second.run != run) return;
  auto& removal = at->second;
  removal.run = 0;
  removal.next = core.now + pause;
  if (!succeeded) return;
  if (removal.why.unlinks) unlink(key, *removal.subject, core);
  if (--removal.times == 0) open_.erase(at);
}

void RowRemovals::unlink(const std::string& key, const Subject& subject, Core& core) const {
  std::string wire;
  guard::append_removal(wire, "UNLINK", subject.key);
  core.close_flight(key);
  const auto lane = core.lane(subject.db, subject.rule.get());
  if (core.upstream == Core::UpstreamState::up) {
    core.send(lane, wire, 1, std::make_unique<Unheeded>());
  } else {
    journal_for_later(core, {Journal::Kind::key, subject.db, subject.key});
  }
}

void RowRemovals::tick(Core& core) {
  std::erase_if(open_, [&](const auto& one) { return one.second.until <= core.now; });
  std::size_t running = 0;
  for (auto& [key, removal] : open_) {
    if (removal.run == 0 && removal.next <= core.now) run(key, removal, core);
    running += removal.run != 0 ? 1 : 0;
    if (running >= most_at_once) return;
  }
}

}  // namespace pannier::policies
