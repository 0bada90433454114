#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "policies/audit.hpp"
#include "policies/ban.hpp"
#include "policies/journal.hpp"
#include "policies/rule_set.hpp"
#include "policies/verdict.hpp"

namespace pannier::policies {

class Core;

/// One invalidation on its way: all that it is about is sent at once, in one turn of the loop, and
/// takes effect in upstream's order; what then is to be removed is removed in the background.
///
/// Its request is answered once: with the number of values, `:3`, when everything is done; with
/// `+journaled: ...` where upstream could not be reached; with upstream's error; or, when keys are
/// still being removed after `invalidation_wait`, with `+job 7: ...`, under which PANNIER JOBS
/// tells of it. By then it is in effect everywhere: only the removal goes on.
class InvalidationRun : public std::enable_shared_from_this<InvalidationRun> {
 public:
  /// REQUIRES that the request was begun on the lane of `db`.
  static void start(Ticket ticket, std::uint32_t db, Invalidation what, Core& core);

  InvalidationRun(Ticket ticket, std::uint32_t db) : ticket_(ticket), db_(db) {}

  // What its conversations tell.
  void part_done(std::uint64_t count, Core& core);
  void part_failed(std::string_view error, Core& core);
  /// It could not reach upstream, which may yet have heard of it.
  void part_lost(Journal::Entry entry, Core& core);

  /// All that bans cover is invalid; what is left is to remove it.
  void sweeps() { sweeping_ = true; }

  /// Time passed: it may have to go on as a job.
  void tick(Core& core);
  bool is_over() const { return pending_ == 0; }
  std::uint64_t job() const { return record_.job; }
  const AuditRecord& record() const { return record_; }
  /// Keys that were found to be removed so far.
  std::uint64_t found() const { return *found_; }
  TimePoint began() const { return began_; }

 private:
  void send_key(const std::string& key, const Match& match, Core& core);
  void send_tags(Core& core);
  /// These, and those of keys.
  void send_bans(std::vector<Ban> bans, Core& core);
  /// Rows of second tiers: those of keys are removed before upstream is told, others beside it.
  void send_keys(Core& core);
  void send_rows(Core& core);
  void send_statement(const TierSettings& tier, const std::string& sql, std::string parameter,
                      std::function<void(Core&)> then, Core& core);
  void end_part(Core& core);
  void answer(std::string_view reply, Core& core);

  Ticket ticket_;
  std::uint32_t db_;
  std::vector<Ban> bans_;  ///< Of keys that nothing else makes stale; to be sent.
  AuditRecord record_;
  std::uint32_t pending_ = 1;  ///< Conversations, and one while they are begun.
  std::shared_ptr<std::uint64_t> found_ = std::make_shared<std::uint64_t>(0);
  std::string error_;  ///< The first, a whole reply.
  bool journaled_ = false, answered_ = false, sweeping_ = false;
  TimePoint began_{};
};

/// The bans that an invalidation asks for, but those of keys.
std::vector<Ban> bans_of(const Invalidation& what);

/// How many are remembered that went on, or go on, as jobs.
inline constexpr std::size_t kept_jobs = 100;

}  // namespace pannier::policies
