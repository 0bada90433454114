#include "policies/read_flight.hpp"

#include <algorithm>
#include <utility>

#include "policies/copy_deadline.hpp"
#include "policies/journal_replay.hpp"
#include "policies/outdated_copies.hpp"
#include "policies/served_versions.hpp"
#include "policies/test_bugs.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

namespace {

/// Of the sidecar's errors the one that a broken connection gives to what it carried.
constexpr std::string_view lost_error_ending = " connection lost; outcome unknown\r\n";

}  // namespace

void ReadFlight::start(const SubjectRef& subject, std::vector<Reader> readers, Core& core,
                       Claims claims) {
  const auto link = core.lane(subject->db, subject->rule.get());
  auto flight = std::make_unique<ReadFlight>(by_rule(subject), link, std::move(readers));
  auto* self = flight.get();
  std::string wire;
  std::uint32_t asked = 0;
  if (claims != Claims::nothing) {
    self->asking_ = std::make_unique<Asking>(core);
    asked = self->asking_->ask(wire, *subject, claims == Claims::lease, core);
  }
  self->keeps_ = core.keeps_copies(*subject->rule, link);
  const bool guards = subject->rule->guards() && link.kind == Link::Kind::lane;
  const bool needs = self->keeps_ || self->asking_ || guards;
  const bool tracks = needs && core.tracks && !has(Bug::fill_untracked);
  asked += self->check_.ask(wire, core, {false, tracks});
  if (self->keeps_) self->view_ = core.copies.look(subject->key, core.now, core.tracks);
  protocol::append_command(wire, {"GET", subject->key});
  if (subject->rule->finds_tags()) {
    self->tags_ = std::make_unique<FoundTags>();
    self->record_parts_ = append_record_question(wire, *subject);
  }
  self->expiry_parts_ = self->check_.ask_behind(wire);
  self->sent_ = core.now;
  const auto replies = asked + 1 + self->record_parts_ + self->expiry_parts_;
  self->id_ = core.send(link, wire, replies, std::move(flight));
  core.flights[subject->table_key] = self;
}

void ReadFlight::restart(const SubjectRef& subject, const std::vector<LeaseTable::Waiter>& waiters,
                         Core& core) {
  if (waiters.empty()) return;
  std::vector<Reader> readers;
  for (const auto& waiter : waiters) readers.push_back({waiter.ticket, waiter.since, false});
  const auto link = core.lane(subject->db, subject->rule.get());
  if (!awaits_replay(core) || link.kind == Link::Kind::memory) {
    return start(subject, std::move(readers), core);
  }
  core.replay.reads.push_back([=](Core& later, std::string_view error) {
    if (error.empty()) return start(subject, readers, later);
    ReadFlight(subject, link, readers).fail(error, later);
  });
}

void ReadFlight::join(Ticket reader, TimePoint now) {
  ++check_.subject().counters().coalesced;
  readers_.push_back({reader, now, true, true});
}

bool ReadFlight::joinable(const Client& client, const Core& core) const {
  if (has(Bug::join_any)) return true;
  return id_ >= client.fence && id_ >= client.joins_from &&
         core.now - sent_ <= core.rules->settings().upstream.max_lag;
}

ReadFlight::~ReadFlight() = default;

void ReadFlight::settle(std::size_t part, std::string_view reply, Core& core) {
  if (before_ && !before_->settled) return settle_before(part, reply, core);
  if (announces_ == Announces::asked) {
    announces_ = Announces::done;
    check_.announced(reply);
    return conclude(std::exchange(value_, {}), core);
  }
  const std::size_t claimed = asking_ && !judges_ ? asking_->parts : 0;
  if (part < claimed) return asking_->settle(part, reply);
  part -= claimed;
  if (part < check_.parts()) {
    check_.settle(part, reply, core);
    if (judges_ && part + 1 == check_.parts()) conclude(std::exchange(value_, {}), core);
    return;
  }
  part -= check_.parts();
  const auto behind = record_parts_ + expiry_parts_;
  if (behind == 0) return found(reply, core);
  if (part == 0) value_ = reply;
  if (part > 0 && part == record_parts_) tags_->record_reply(reply);
  if (part > record_parts_) check_.settle_behind(reply);
  if (part == behind) found(std::exchange(value_, {}), core);
}

void ReadFlight::found(std::string_view value, Core& core) {
  complete(value, core) ? conclude(value, core) : ask_generations(value, core);
}

bool ReadFlight::complete(std::string_view value, Core& core) {
  protocol::ReplyReader reader(value);
  const auto found = reader.next();
  if (found.error()) return true;
  if (!tags_ || found.null || check_.absent()) return check_.complete(core);
  tags_->value(check_.subject(), found.text);
  return check_.retag(tags_->subject(check_.subject_ref(), check_.asked_at()), core);
}

void ReadFlight::ask_generations(std::string_view value, Core& core) {
  leave(core);  // Of what is pushed from now on those who joined would not know.
  auto flight = std::make_unique<ReadFlight>(std::move(*this));
  flight->value_ = value;
  flight->judges_ = true;
  flight->lease_unheard_ = core.tracks;
  std::string wire;
  const auto replies = flight->check_.ask_generations(wire, core);
  const auto link = flight->link_;
  core.send(link, wire, replies, std::move(flight));
}

void ReadFlight::announce(std::string_view value, Core& core) {
  leave(core);
  auto flight = std::make_unique<ReadFlight>(std::move(*this));
  flight->value_ = value;
  flight->announces_ = Announces::asked;
  flight->lease_unheard_ = core.tracks;
  std::string wire;
  flight->check_.announce(wire);
  const auto link = flight->link_;
  core.send(link, wire, 1, std::move(flight));
}

void ReadFlight::leave(Core& core) {
  const auto open = core.flights.find(check_.subject().table_key);
  if (open != core.flights.end() && open->second == this) core.flights.erase(open);
}

void ReadFlight::conclude(std::string_view value, Core& core) {
  const auto& subject = check_.subject();
  leave(core);
  protocol::ReplyReader reader(value);
  const auto found = reader.next();
  if (found.error()) {
    keep(value, true, false, core);
    subject.counters().errors += readers_.size();
    give_all(value, core);
    return give_back(core);
  }
  if (announces_ == Announces::no && check_.needs_announcement()) {
    const bool is_fresh = !found.null && check_.look(core).state == Standing::State::fresh;
    if (!is_fresh) return announce(value, core);
  }
  const auto standing = check_.judge(core);
  keep(value, false, found.null, core);
  // A key that appeared between the two looks was not there at the first. To look again would give
  // these readers something newer than what they have asked for since.
  if (found.null || check_.absent()) return missing(core);

  switch (standing.state) {
    case Standing::State::fresh:
      if (due(standing, core)) return give_but_one(value, standing.state, core);
      take_waiters(core);
      break;
    case Standing::State::stale:
      return give_but_one(value, standing.state, core);
    case Standing::State::invalid:
      ++subject.counters().invalid_reads;
      return missing(core);
    case Standing::State::foreign:
      ++subject.counters().foreign_values;
      if (subject.rule->tier->foreign == Foreign::miss) return missing(core);
      if (subject.rule->tier->foreign == Foreign::adopt) adopt(core);
      break;
  }
  give_all(value, core);
  give_back(core);
}

void ReadFlight::keep(std::string_view value, bool error, bool null, Core& core) {
  if (!keeps_ || (error && view_.tracked)) return;  // Of what is kept an error says nothing.
  const auto& subject = check_.subject();
  TimePoint until{};
  if (null) {
    until = negative_deadline(subject, view_, core);
  } else if (!error) {
    until = copy_deadline(check_, view_, core);
  }
  keep_copy(core, subject, view_, value, until);
}

void ReadFlight::adopt(Core& core) {
  const auto& subject = check_.subject();
  const auto expiry = check_.asked_at() + subject.life.total;
  std::string wire;
  protocol::append_command(
      wire, {"PEXPIREAT", subject.key, std::to_string(expiry.time_since_epoch().count())});
  core.send(link_, wire, 1, std::make_unique<Unheeded>());
}

bool ReadFlight::ask_again(std::string_view error, Core& core) {
  const auto& subject = check_.subject();
  const bool lost = error.ends_with(lost_error_ending);
  const auto on_down = subject.rule->tier->on_down;
  const bool waits =
      (on_down == OnDown::error || on_down == OnDown::stale) && link_.kind == Link::Kind::lane;
  if (!lost || !waits || retried_ || closed_) return false;
  if (awaits_replay(core)) {
    const auto waiting = std::make_shared<ReadFlight>(std::move(*this));
    core.replay.reads.push_back(
        [waiting, lost_by = std::string(error)](Core& later, std::string_view refusal) {
          waiting->fail(refusal.empty() ? lost_by : refusal, later);
        });
    return true;
  }
  if (!core.retries.spend()) return false;
  // Whoever has sent something since that may have changed the key would read a later value: of a
  // write nobody tells this read any more once it has asked something else.
  const bool is_told = !judges_ && announces_ != Announces::asked && !before_;
  const auto late = std::stable_partition(readers_.begin(), readers_.end(), [&](const Reader& one) {
    const auto* client = core.find(one.ticket.client);
    if (client == nullptr || (!is_told && client->next != one.ticket.number + 1)) return false;
    return !client->fence_due && client->fence <= id_;
  });
  std::vector<Reader> again(readers_.begin(), late);
  readers_.erase(readers_.begin(), late);
  if (again.empty()) return false;
  core.book.reads_retried += again.size();
  start(check_.subject_ref(), std::move(again), core);
  core.flights[subject.table_key]->retried_ = true;
  return readers_.empty();
}

void ReadFlight::fail(std::string_view error, Core& core) {
  const auto& subject = check_.subject();
  leave(core);
  if (ask_again(error, core)) return;
  if (const auto copy = outdated_copy(core, subject, {})) {
    const std::string value(*copy);
    count_outdated(subject.counters(), readers_.size());
    for (const auto& reader : readers_) {
      if (is_too_new(core, reader.ticket, subject)) {
        tell_missing(reader, core);
        continue;
      }
      saw_version(core, reader.ticket.client, subject);
      give(reader, value, core);
    }
    return;
  }
  if (subject.rule->tier->on_down == OnDown::miss) {
    for (const auto& reader : readers_) {
      core.count_miss(subject, core.server_floor(), reader.since);
      reader.counted ? core.reply_null(reader.ticket) : core.deliver_null(reader.ticket);
    }
    return;
  }
  subject.counters().errors += readers_.size();
  for (const auto& reader : readers_) give(reader, error, core);
}

}  // namespace pannier::policies
