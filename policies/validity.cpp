#include "policies/validity.hpp"

#include <algorithm>

#include "policies/ban_record.hpp"
#include "policies/beginning.hpp"
#include "policies/guard.hpp"
#include "policies/test_bugs.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

namespace {

/// `SET pn:g:<tag> <ms> NX GET`: nil when ours is the one now, else the one that was there.
class GenerationCreation final : public Exchange {
 public:
  GenerationCreation(std::uint32_t db, std::string tag) : db_(db), tag_(std::move(tag)) {}

  void settle(std::size_t, std::string_view reply, Core& core) override {
    protocol::ReplyReader reader(reply);
    const auto there = reader.next();
    if (there.null || there.error()) return;
    if (const auto generation = Generation::parse(there.text)) {
      core.learn_generation(db_, tag_, *generation, TagGenerations::Source::other);
    }
  }
  void fail(std::string_view, Core& core) override { core.generations.outdate(tag_); }

 private:
  std::uint32_t db_;
  std::string tag_;
};

/// Prolongs the life of a generation that is in use.
void renew_if_due(Core& core, Link link, const std::string& tag) {
  const auto* known = core.generations.find(link.db, tag);
  if (known == nullptr || core.now - known->renewed < core.generation_life() / 4) return;
  core.generations.renewed(link.db, tag, core.now);
  std::string wire;
  protocol::append_command(
      wire, {"PEXPIRE", TagGenerations::key(tag), std::to_string(core.generation_life().count())});
  core.send(link, wire, 1, std::make_unique<Unheeded>());
}

}  // namespace

void create_generation(Core& core, Link link, const std::string& tag, ServerTime at) {
  // The memory store has only what was written since, whatever was invalidated before.
  const auto* known =
      link.kind == Link::Kind::memory ? core.generations.find(link.db, tag) : nullptr;
  if (known != nullptr) at = std::min(at, known->generation.hard);
  ++core.book.generations_created;
  std::string wire;
  protocol::append_command(
      wire, {"SET", TagGenerations::key(tag), std::to_string(at.time_since_epoch().count()), "NX",
             "GET", "PX", std::to_string(core.generation_life().count())});
  core.send(link, wire, 1, std::make_unique<GenerationCreation>(link.db, tag));
  core.learn_generation(link.db, tag, at, TagGenerations::Source::other);
}

std::uint32_t ValidityCheck::ask(std::string& wire, Core& core, Ask what) {
  if (link_.kind == Link::Kind::lane) read_bans(core, link_.db);
  bans_outdated_ = core.bans.outdated();
  tracked_ = link_.kind == Link::Kind::lane || link_.kind == Link::Kind::memory;
  asks_generations_ =
      !subject_->tags.empty() && (!tracked_ || !core.generations_current(*subject_));
  parts_ = 2;
  newest_before_ = core.newest(*subject_);
  knew_generation_ = newest_before_.at.has_value();  // Upstream may have lost it since.
  const bool is_lane = link_.kind == Link::Kind::lane;
  announces_ =
      newest_before_.after(core.server_floor()) > core.server_floor() && !has(Bug::no_announcement);
  asked_at_ = core.server_floor();
  if (announces_) {
    announce(wire);
    ++parts_;
  }
  asks_removals_ = what.removals && is_lane && guard::in_fleet(*subject_, core);
  if (asks_removals_) {
    guard::append_question(wire, subject_->key);
    ++parts_;
  }
  if (asks_generations_) {
    append_generations(wire);
    parts_ += 2;
  }
  protocol::append_command(wire, {"TIME"});
  tracks_key_ = what.tracks;
  if (tracks_key_) {
    protocol::append_command(wire, {"CLIENT", "CACHING", "YES"});
    ++parts_;
  }
  protocol::append_command(wire, {"PEXPIRETIME", subject_->key});
  return parts_;
}

std::uint32_t ValidityCheck::ask_behind(std::string& wire) const {
  const auto newest = newest_before_.either();
  const bool may_be_older = newest && *newest > asked_at_ - subject_->life.total;
  if (!asks_generations_ && !may_be_older) return 0;
  protocol::append_command(wire, {"PEXPIRETIME", subject_->key});
  return 1;
}

void ValidityCheck::settle_behind(std::string_view reply) {
  const auto expiry = protocol::ReplyReader(reply).next();
  if (expiry.kind != ':' || expiry.number == -1 || expiretime_ == -2) return;
  // What is gone by now may have been any older value: it counts as one that had ended.
  const auto end = std::max<std::int64_t>(expiry.number, 0);
  if (expiretime_ == -1 || end < expiretime_) expiretime_ = end;
}

void ValidityCheck::append_generations(std::string& wire) const {
  protocol::append_command(wire, {"CLIENT", "CACHING", "YES"});
  protocol::append_command(wire, subject_->tags.size() + 1);
  protocol::append_bulk(wire, "MGET");
  for (const auto& tag : subject_->tags) protocol::append_bulk(wire, TagGenerations::key(tag));
}

bool ValidityCheck::bans_current(const Core& core) const {
  return core.bans.outdated() == bans_outdated_ || core.bans.known(link_.db) == Bans::Known::all;
}

bool ValidityCheck::complete(const Core& core) const {
  if (link_.kind != Link::Kind::lane || has(Bug::late_news)) return true;
  return bans_current(core) && (asks_generations_ || !core.lacks_generation(*subject_));
}

bool ValidityCheck::retag(SubjectRef subject, const Core& core) {
  if (subject == subject_) return complete(core);
  subject_ = std::move(subject);
  announced_ = {};  // Not under its other tags.
  newest_before_ = core.newest(*subject_);
  knew_generation_ = knew_generation_ || newest_before_.at.has_value();
  return tracked_ && bans_current(core) && core.generations_current(*subject_);
}

std::uint32_t ValidityCheck::ask_generations(std::string& wire, Core& core) {
  if (link_.kind == Link::Kind::lane) read_bans(core, link_.db);
  asked_at_ = core.server_floor();
  asks_generations_ = !subject_->tags.empty();
  asks_removals_ = tracks_key_ = announces_ = false;
  missing_.clear();
  if (asks_generations_) append_generations(wire);
  protocol::append_command(wire, {"TIME"});
  return parts_ = asks_generations_ ? 3 : 1;
}

void ValidityCheck::announce(std::string& wire) {
  announced_ = after_all();
  beginning::append(wire, *subject_, announced_);
}

void ValidityCheck::announced(std::string_view reply) {
  if (reply.starts_with('-')) announced_ = {};
}

void ValidityCheck::settle(std::size_t part, std::string_view reply, Core& core) {
  if (announces_) {
    if (part == 0) announced(reply);
    if (part-- == 0) return;
  }
  if (asks_removals_) {
    if (part == 0) removals_ = guard::answer_of(reply);
    if (part-- == 0) return;
  }
  const std::size_t step = part + (asks_generations_ ? 0 : 2);
  if (step == 1) learn_generations(reply, core);
  if (step == 2) {
    asked_at_ = core.learn_time(reply, asked_at_);
    newest_before_ = core.newest(*subject_);
  }
  if (step == (tracks_key_ ? 4u : 3u)) {
    protocol::ReplyReader reader(reply);
    const auto expiry = reader.next();
    // An error (a server before 7.0) reads as "no key": nothing is believed to be valid.
    expiretime_ = expiry.kind == ':' ? expiry.number : -2;
    read_at_ = asked_at_;
  }
}

void ValidityCheck::learn_generations(std::string_view reply, Core& core) {
  protocol::ReplyReader reader(reply);
  if (reader.next().kind != '*') return;
  for (const auto& tag : subject_->tags) {
    const auto value = reader.next();
    if (value.null) {
      missing_.push_back(tag);
      continue;
    }
    // A generation nobody can read is as good as one of this moment.
    core.learn_generation(
        subject_->db, tag, Generation::parse(value.text).value_or(core.server_floor()),
        tracked_ ? TagGenerations::Source::tracked_read : TagGenerations::Source::other);
    had_generation_ = true;
  }
}

bool ValidityCheck::needs_announcement() const {
  return after_all() > std::max(asked_at_, announced_) && !has(Bug::no_announcement);
}

ServerTime ValidityCheck::load_begins() const {
  return needs_announcement() ? asked_at_ : after_all();
}

Standing ValidityCheck::judge(Core& core) {
  const auto lane = core.lane(subject_->db, subject_->rule.get());
  for (const auto& tag : missing_) create_generation(core, lane, tag, created_at());
  for (const auto& tag : subject_->tags) renew_if_due(core, lane, tag);
  return standing(core, core.newest(*subject_));
}

Standing ValidityCheck::look(const Core& core) const {
  auto newest = core.newest(*subject_);
  if (!missing_.empty()) {
    newest.at = std::max(newest.at.value_or(created_at()), created_at());
    newest.complete = true;
  }
  return standing(core, newest);
}

Standing ValidityCheck::standing(const Core& core, const Core::Newest& known) const {
  const auto& subject = *subject_;
  const bool none_known = asks_generations_ && !had_generation_ && !knew_generation_;
  const auto newest = known.complete ? known.at : asked_at_;
  auto standing = policies::judge(expiretime_, read_at_, subject.life, newest, known.soft);
  // A value from outside that nobody ever invalidated under these tags may be adopted.
  const bool without_expiry = expiretime_ == -1 || standing.remaining > subject.life.total;
  const bool is_banned = core.bans.newest(subject.db, subject.bannable()).hard.has_value();
  if (without_expiry && none_known && !is_banned) {
    standing.state = Standing::State::foreign;
  }
  return standing;
}

}  // namespace pannier::policies
