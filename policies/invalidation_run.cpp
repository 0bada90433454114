#include "policies/invalidation_run.hpp"

#include <algorithm>

#include "policies/ban_record.hpp"
#include "policies/ban_sweep.hpp"
#include "policies/core.hpp"
#include "policies/guard.hpp"
#include "policies/journal_replay.hpp"
#include "policies/other_versions.hpp"
#include "protocol/glob.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

namespace {

using Run = std::shared_ptr<InvalidationRun>;

/// `UNLINK key`, or what makes its value stale: the number of values is its reply, or the last one.
class KeyInvalidation final : public Exchange {
 public:
  KeyInvalidation(Run run, Journal::Entry key, WriteUnderWay write, std::size_t counted)
      : run_(std::move(run)), key_(std::move(key)), write_(std::move(write)), counted_(counted) {}
  void settle(std::size_t part, std::string_view reply, Core& core) override {
    if (part < counted_) return;
    write_.end();
    ++core.book.invalidations_key;
    core.written(table_key(key_.db, key_.name));
    protocol::ReplyReader reader(reply);
    const auto answer = reader.next();
    if (answer.error()) return run_->part_failed(reply, core);
    run_->part_done(static_cast<std::uint64_t>(answer.number), core);
  }
  void fail(std::string_view, Core& core) override {
    write_.end();
    run_->part_lost(std::move(key_), core);
  }

 private:
  Run run_;
  Journal::Entry key_;
  WriteUnderWay write_;
  std::size_t counted_;
};

/// Raises a tag's generation and counts what its list holds; then the purge begins.
class TagInvalidation final : public Exchange {
 public:
  TagInvalidation(Run run, Link lane, Journal::Entry tag)
      : run_(std::move(run)), lane_(lane), tag_(std::move(tag)) {}

  void settle(std::size_t part, std::string_view reply, Core& core) override {
    protocol::ReplyReader reader(reply);
    const auto answer = reader.next();
    if (part == 1) {
      if (!error_.empty()) return run_->part_failed(error_, core);
      // A list of another type says nothing about how many there are.
      return run_->part_done(static_cast<std::uint64_t>(answer.error() ? 0 : answer.number), core);
    }
    if (answer.error()) {
      error_ = reply;
      return;
    }
    ++core.book.invalidations_tag;
    carry_out_tag(core, lane_, tag_, answer.text);
  }
  void fail(std::string_view, Core& core) override { run_->part_lost(std::move(tag_), core); }

 private:
  Run run_;
  Link lane_;
  Journal::Entry tag_;
  std::string error_;
};

/// Makes the bans; then what they cover is removed.
class BanInvalidation final : public Exchange {
 public:
  BanInvalidation(Run run, Link lane, std::vector<Ban> bans, std::shared_ptr<std::uint64_t> found)
      : run_(std::move(run)), lane_(lane), bans_(std::move(bans)), found_(std::move(found)) {}

  void settle(std::size_t, std::string_view reply, Core& core) override {
    protocol::ReplyReader reader(reply);
    const auto answer = reader.next();
    if (answer.error()) return run_->part_failed(reply, core);
    core.book.invalidations_pattern += bans_.size();
    learn_bans(core, lane_.db, bans_, ServerTime(milliseconds(answer.number)));
    run_->sweeps();
    sweep_bans(
        lane_, bans_, found_,
        [run = run_, bans = bans_, db = lane_.db](std::uint64_t removed, std::string_view error,
                                                  Core& at_end) {
          if (error.empty()) return run->part_done(removed, at_end);
          if (at_end.upstream == Core::UpstreamState::up) return run->part_failed(error, at_end);
          lose(*run, bans, db, at_end);
        },
        core);
  }
  void fail(std::string_view, Core& core) override { lose(*run_, bans_, lane_.db, core); }

 private:
  static void lose(InvalidationRun& run, const std::vector<Ban>& bans, std::uint32_t db,
                   Core& core) {
    for (std::size_t i = 1; i < bans.size(); ++i) {
      journal_invalidation(core, {Journal::Kind::ban, db, bans[i].text()});
    }
    run.part_lost({Journal::Kind::ban, db, bans[0].text()}, core);
  }

  Run run_;
  Link lane_;
  std::vector<Ban> bans_;
  std::shared_ptr<std::uint64_t> found_;
};

}  // namespace

std::vector<Ban> bans_of(const Invalidation& what) {
  std::vector<Ban> bans;
  for (const auto& pattern : what.patterns) {
    bans.push_back({Ban::Kind::pattern, what.soft, pattern, {}, {}});
  }
  for (const auto& tags : what.all_of) {
    bans.push_back({Ban::Kind::tags, what.soft, {}, tags, {}});
  }
  for (const auto& rule : what.rules) bans.push_back({Ban::Kind::rule, what.soft, rule, {}, {}});
  for (const auto& range : what.ranges) {
    bans.push_back({Ban::Kind::dates, what.soft, range.rule, {}, {range.from, range.to}});
  }
  return bans;
}

void InvalidationRun::start(Ticket ticket, std::uint32_t db, Invalidation what, Core& core) {
  const auto run = std::make_shared<InvalidationRun>(ticket, db);
  run->record_.what = std::move(what);
  run->record_.at = core.server_floor();
  run->began_ = core.now;
  core.invalidations.push_back(run);
  run->send_keys(core);
  run->send_tags(core);
  run->send_bans(bans_of(run->record_.what), core);
  run->send_rows(core);
  run->end_part(core);
}

void InvalidationRun::send_key(const std::string& key, const Match& match, Core& core) {
  const auto lane = core.lane(db_, nullptr);
  const auto upstream = core.upstream_key(key, match);
  const bool guarded = match && match.rule->guards() && !core.from_memory(match.rule);
  const auto window = match ? match.rule->tier->stale : milliseconds(0);
  const bool soft = record_.what.soft && window.count() > 0;
  if (soft && match.rule->tagged()) {
    // An earlier expiry would make it look older than its tags' generations: invalid.
    bans_.push_back({Ban::Kind::pattern, true, protocol::glob_escaped(key), {}, {}});
    return;
  }
  std::string wire;
  std::uint32_t replies = 1;
  if (soft) {
    // By the clock of expiries it is stale then, and for no longer than its window.
    const auto until = (core.server_floor() + window).time_since_epoch().count();
    protocol::append_command(wire, {"PEXPIREAT", upstream, std::to_string(until), "LT"});
    protocol::append_command(wire, {"EXISTS", upstream});
    ++replies;
  } else if (guarded && match.rule->tier->guard == Guard::fleet) {
    guard::append_removal(wire, "UNLINK", upstream);
  } else {
    protocol::append_command(wire, {"UNLINK", upstream});
  }
  const auto table = table_key(db_, upstream);
  if (guarded && !soft) core.misses.removed(table, core.next_exchange);
  const Journal::Entry entry{Journal::Kind::key, db_, upstream};
  if (lane.kind == Link::Kind::memory) journal_for_later(core, entry);
  core.remember(entry);
  core.close_flight(table);
  if (match && !soft) {
    std::vector<std::string> others;
    add_other_versions(core, others, key, *match.rule, 0, true);
    std::erase(others, upstream);
    end_other_versions(core, db_, others, true);
  }
  ++pending_;
  core.send(lane, wire, replies,
            std::make_unique<KeyInvalidation>(shared_from_this(), entry,
                                              WriteUnderWay(core.copies, upstream), replies - 1));
}

void InvalidationRun::send_tags(Core& core) {
  const auto lane = core.lane(db_, nullptr);
  const auto now = std::to_string(core.server_floor().time_since_epoch().count());
  for (const auto& tag : record_.what.tags) {
    const Journal::Entry entry{Journal::Kind::tag, db_, tag, record_.what.soft};
    std::string wire;
    append_raise(wire, entry, core);
    protocol::append_command(wire, {"ZCOUNT", TagGenerations::index(tag), now, "+inf"});
    if (lane.kind == Link::Kind::memory) journal_for_later(core, entry);
    core.remember(entry);
    ++pending_;
    core.send(lane, wire, 2, std::make_unique<TagInvalidation>(shared_from_this(), lane, entry));
  }
}

void InvalidationRun::send_bans(std::vector<Ban> bans, Core& core) {
  std::ranges::move(std::exchange(bans_, {}), std::back_inserter(bans));
  if (bans.empty()) return;
  const auto lane = core.lane(db_, nullptr);
  std::string wire;
  append_bans(wire, bans, core);
  for (const auto& ban : bans) {
    const Journal::Entry entry{Journal::Kind::ban, db_, ban.text()};
    if (lane.kind == Link::Kind::memory) journal_for_later(core, entry);
    core.remember(entry);
  }
  ++pending_;
  core.send(lane, wire, 1,
            std::make_unique<BanInvalidation>(shared_from_this(), lane, std::move(bans), found_));
}

void InvalidationRun::part_done(std::uint64_t count, Core& core) {
  record_.count += count;
  end_part(core);
}

void InvalidationRun::part_failed(std::string_view error, Core& core) {
  if (error_.empty()) error_ = error;
  end_part(core);
}

void InvalidationRun::part_lost(Journal::Entry entry, Core& core) {
  journal_invalidation(core, std::move(entry));
  journaled_ = true;
  end_part(core);
}

void InvalidationRun::end_part(Core& core) {
  if (--pending_ > 0) return;
  using Outcome = AuditRecord::Outcome;
  record_.took = core.now - began_;
  if (!error_.empty()) {
    record_.outcome = Outcome::failed;
    record_.error = protocol::ReplyReader(error_).next().text;
    answer(error_, core);
  } else if (journaled_) {
    record_.outcome = Outcome::journaled;
    answer(journaled_reply, core);
  } else {
    std::string reply;
    protocol::append_integer(reply, static_cast<std::int64_t>(record_.count));
    answer(reply, core);
  }
  for (const auto& tag : record_.what.tags) {
    const auto* known = core.generations.find(db_, tag);
    if (known != nullptr) core.watch.told(tag, known->generation);
  }
  core.effects.invalidated(core.audit.add(record_));
}

void InvalidationRun::answer(std::string_view reply, Core& core) {
  if (std::exchange(answered_, true)) return;
  core.reply(ticket_, reply);
}

bool Core::invalidates(std::string_view tag) const {
  return std::ranges::any_of(invalidations, [&](const auto& run) {
    const auto& tags = run->record().what.tags;
    return !run->is_over() && std::ranges::find(tags, tag) != tags.end();
  });
}

void InvalidationRun::tick(Core& core) {
  const auto wait = core.rules->settings().invalidation_wait;
  const bool in_effect = sweeping_ && pending_ == 1;
  if (answered_ || !in_effect || core.now - began_ < wait) return;
  record_.job = ++core.last_job;
  answer("+job " + std::to_string(record_.job) +
             ": in effect; what it covers is still being removed (PANNIER JOBS)\r\n",
         core);
}

}  // namespace pannier::policies
