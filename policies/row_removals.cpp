#include "policies/row_removals.hpp"

#include <utility>

#include "policies/core.hpp"
#include "policies/guard.hpp"

namespace pannier::policies {

namespace {

constexpr seconds pause{1};
constexpr std::size_t most_at_once = 16;

}  // namespace

void RowRemovals::add(Core& core, const std::shared_ptr<const Subject>& subject, Why why) {
  const auto& key = subject->table_key;
  if (open_.size() >= capacity && !open_.contains(key)) return;
  auto& removal = open_[key];
  removal.subject = subject;
  removal.why.unlinks |= why.unlinks;
  removal.why.may_come_yet |= why.may_come_yet;
  removal.times = removal.why.may_come_yet ? 2 : 1;
  removal.next = core.now;
  if (!removal.is_running) run(key, removal, core);
}

void RowRemovals::written(const std::string& table_key) {
  const auto at = open_.find(table_key);
  if (at != open_.end() && !at->second.why.may_come_yet) open_.erase(at);
}

void RowRemovals::run(const std::string& key, Removal& removal, Core& core) {
  removal.is_running = true;
  const auto& tier = *removal.subject->rule->tier;
  core.tables.begin(core, tier, tier.second_tier->sql_delete, {removal.subject->client_key},
                    [key](const TableOutcome& outcome, Core& later) {
                      later.row_removals.ended(key, outcome.error.empty(), later);
                    });
}

void RowRemovals::ended(const std::string& key, bool succeeded, Core& core) {
  const auto at = open_.find(key);
  if (at == open_.end()) return;
  auto& removal = at->second;
  removal.is_running = false;
  removal.next = core.now + pause;
  const auto& subject = *removal.subject;
  const auto lane = core.lane(subject.db, subject.rule.get());
  const bool is_up = core.upstream == Core::UpstreamState::up;
  if (!succeeded || (removal.why.unlinks && !is_up)) return;
  if (removal.why.unlinks) {
    std::string wire;
    guard::append_removal(wire, "UNLINK", subject.key);
    core.close_flight(key);
    core.send(lane, wire, 1, std::make_unique<Unheeded>());
  }
  if (--removal.times == 0) open_.erase(at);
}

void RowRemovals::tick(Core& core) {
  std::size_t running = 0;
  for (auto& [key, removal] : open_) {
    if (!removal.is_running && removal.next <= core.now) run(key, removal, core);
    running += removal.is_running ? 1 : 0;
    if (running >= most_at_once) return;
  }
}

}  // namespace pannier::policies
