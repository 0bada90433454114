// How a read under a rule is answered: what its readers get, and which of them loads.

#include <algorithm>
#include <utility>

#include "policies/absence.hpp"
#include "policies/guard.hpp"
#include "policies/read_flight.hpp"
#include "policies/refresh.hpp"
#include "policies/served_versions.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

namespace {

constexpr double least_draw = 1e-4;

}  // namespace

void ReadFlight::give(const Reader& reader, std::string_view value, Core& core) {
  // Attributes say something about a reply, and RESP2 has none.
  const auto* client = value.front() == '|' ? core.find(reader.ticket.client) : nullptr;
  std::string bare;
  if (client != nullptr && client->resp_of(reader.ticket.number) == protocol::Resp::v2) {
    protocol::append_as_resp2(bare, value);
    value = bare;
  }
  if (reader.counted) {
    core.reply(reader.ticket, value);
  } else {
    core.deliver(reader.ticket, value);
  }
}

void ReadFlight::give_all(std::string_view value, Core& core) {
  auto& counters = check_.subject().counters();
  const bool error = value.front() == '-' || value.front() == '!';
  const auto& given = gives_before_ ? before_->check.subject() : check_.subject();
  for (const auto& reader : readers_) {
    if (!error && is_too_new(core, reader.ticket, given)) {
      tell_missing(reader, core);
      continue;
    }
    if (!error) {
      ++counters.hits;
      counters.hit_seconds.add(core.now - reader.since);
      if (!reader.counted) check_.subject().count_avoided(1);
      gives_before_ ? fell_back(core, reader.ticket, given)
                    : saw_version(core, reader.ticket.client, given);
    }
    give(reader, value, core);
  }
}

std::uint32_t ReadFlight::Asking::ask(std::string& wire, const Subject& subject, bool for_lease,
                                      Core& core) {
  if (for_lease) {
    claim.emplace(core.new_token(), core.tracks);
    const auto time = core.lease_time(*subject.rule);
    claim_parts = fleet_lease::append_claim(wire, subject.key, claim->token(), time, core.tracks);
  }
  parts = claim_parts;
  if (for_lease && subject.rule->origin != nullptr) {
    absence::append_question(wire, subject.key);
    absence_parts = 1;
    ++parts;
  }
  if (guard::in_fleet(subject, core)) {
    removals = core.new_token();
    guard::append_creation(wire, subject.key, removals);
    ++parts;
  }
  return parts;
}

void ReadFlight::Asking::settle(std::size_t part, std::string_view reply) {
  if (part < claim_parts) return claim->settle(part, reply);
  if (part < claim_parts + absence_parts) {
    absence = reply;
    return;
  }
  generation = guard::answer_of(reply);
  if (generation->empty()) generation = removals;
}

bool ReadFlight::due(const Standing& standing, Core& core) {
  const auto& subject = check_.subject();
  const auto& tier = *subject.rule->tier;
  if (tier.refresh.how == Refresh::How::off || core.leases.held(subject.table_key)) return false;
  const auto load = core.learning.usual_load(subject.rule->settings->name);
  // Who asks for the lease was drawn already; only a value that came since is not due.
  const auto drawn = asking_ ? least_draw : draw(subject.table_key, core.now, id_);
  return until_refresh(tier, subject.life, standing, load, drawn) <= microseconds(0);
}

void ReadFlight::take_waiters(Core& core) {
  const auto& subject = check_.subject();
  if (judges_) return;  // What was read before more had to be asked may be older than their writes.
  if (!subject.rule->fleet() || !core.leases.held_without_value(subject.table_key)) return;
  for (const auto& waiter : core.end_lease(subject.table_key)) {
    readers_.push_back({waiter.ticket, waiter.since, false});
  }
}

void ReadFlight::give_but_one(std::string_view value, Standing::State state, Core& core) {
  const auto& subject = check_.subject();
  auto& counters = subject.counters();
  const bool is_stale = state == Standing::State::stale;
  const auto& key = subject.table_key;
  if (asking_ && asking_->lost() && !lease_moved()) follow(true, core);
  if (subject.rule->origin != nullptr) {
    const bool is_patient = is_stale && subject.rule->origin->soft_timeout.count() > 0;
    const bool asks = is_patient && !core.leases.held(key) && remembered(core) == nullptr;
    if (asks && claim(readers_, core)) return;
    refresh_by_origin(true, core);
    if (is_stale) {
      await_fresh(value, core);
      counters.stale_served += readers_.size();
      subject.count_avoided(readers_.size());
    }
    give_all(value, core);
    return give_back(core);
  }
  const bool lost = asking_ && asking_->lost();
  auto elected = readers_.end();
  if (!lost && !core.leases.held(key) && !core.throttle.holds(key, core.now)) {
    elected = std::find_if(readers_.begin(), readers_.end(), [&](const Reader& reader) {
      const auto* client = core.find(reader.ticket.client);
      return client != nullptr && !client->internal;
    });
  }
  if (elected != readers_.end()) {
    std::vector<Reader> one{*elected};
    if (claim(one, core)) {
      readers_.erase(elected);
    } else if (elect(one.front(), true, core)) {
      readers_.erase(elected);
      if (!is_stale) ++counters.refreshes;
      tell_missing(one.front(), core);
    }
  }
  if (is_stale) counters.stale_served += readers_.size();
  subject.count_avoided(readers_.size());
  give_all(value, core);
  give_back(core);
}

void ReadFlight::missing(Core& core) {
  if (readers_.empty()) {
    // Who warms, or refreshes what has just ended.
    const bool loads = check_.subject().rule->origin != nullptr && !learn_absence(core);
    if (loads) refresh_by_origin(false, core);
    return give_back(core);
  }
  if (look_before(core)) return;
  if (core.leases.held(check_.subject().table_key)) {
    // Nobody is to be elected here.
  } else if (remembered(core) != nullptr) {
    // Nor here: nobody is asked again so soon.
  } else if (claim(readers_, core)) {
    return;
  } else if (learn_absence(core)) {
    // Nor here.
  } else if (asking_ && asking_->lost()) {
    if (lease_moved()) {
      start(check_.subject_ref(), std::move(readers_), core, Claims::lease);
      auto& again = *core.flights[check_.subject().table_key];
      again.before_ = std::move(before_);
      again.claims_again_ = !lease_moved_;
      return;
    }
    follow(false, core);
  }
  const auto readers = std::move(readers_);
  for (const auto& reader : readers) wait_or_load(reader, core);
  give_back(core);
}

bool ReadFlight::claim(std::vector<Reader>& readers, Core& core) {
  const auto& subject = check_.subject_ref();
  if (asking_ || link_.kind != Link::Kind::lane) return false;
  const auto& name = subject->rule->settings->name;
  const bool worth = subject->rule->asks() != nullptr ||
                     core.learning.worth_waiting(name, subject->table_key, core.now);
  const bool leases = core.needs_fleet(*subject) && worth;
  if (!leases && !guard::in_fleet(*subject, core)) return false;
  start(subject, std::move(readers), core, leases ? Claims::lease : Claims::guard);
  if (before_) core.flights[subject->table_key]->before_ = std::make_unique<Before>(*before_);
  return true;
}

OpenMisses::Look ReadFlight::look() const {
  return {id_, asking_ ? asking_->generation : std::nullopt};
}

void ReadFlight::follow(bool over_value, Core& core) {
  core.follow(check_.subject_ref(), asking_->claim->taken_for(), over_value);
}

std::string ReadFlight::take_token() {
  if (!asking_ || !asking_->claim || !asking_->claim->won()) return {};
  const auto token = asking_->claim->token();
  asking_->claim.reset();
  return token;
}

bool ReadFlight::elect(const Reader& reader, bool over_value, Core& core) {
  auto token = take_token();
  if (core.grant(check_.subject_ref(), reader.ticket.client, {token, over_value})) return true;
  fleet_lease::release(core, check_.subject(), token);
  return false;
}

void ReadFlight::give_back(Core& core) {
  if (asking_ && asking_->claim && asking_->claim->won()) {
    fleet_lease::release(core, check_.subject(), take_token());
  }
}

void ReadFlight::wait_or_load(const Reader& reader, Core& core) {
  const auto& subject = check_.subject();
  const auto& rule = *subject.rule;
  const auto* client = core.find(reader.ticket.client);
  if (client == nullptr) return;
  if (rule.origin != nullptr) return await_origin(reader, core);
  if (asks_table(core)) return await_row(reader, core);
  const bool is_loading = rule.table != nullptr && core.leases.held(subject.table_key);
  // The sidecar itself only looks.
  if (client->internal && !core.leases.held(subject.table_key)) return tell_missing(reader, core);
  if (!rule.leases() && !is_loading) {
    // Whoever may get the version before need not load as well.
    if (version_before(core, subject)) {
      core.grant(check_.subject_ref(), reader.ticket.client, {{}, true});
    }
    return tell_missing(reader, core);
  }
  if (!core.leases.held(subject.table_key)) {
    if (asking_ && asking_->claim) {
      elect(reader, false, core);
    } else {
      core.offer_lease(check_.subject_ref(), reader.ticket.client);
    }
    return tell_missing(reader, core);
  }
  if (!wait(reader, reader.since + core.wait_for(rule), core)) tell_missing(reader, core);
}

bool ReadFlight::wait(const Reader& reader, TimePoint until, Core& core,
                      std::shared_ptr<const std::string> fallback) {
  const auto& subject = check_.subject();
  if (until <= core.now || !core.leases.wait(subject.table_key, {reader.ticket, reader.since, until,
                                                                 std::move(fallback)})) {
    ++subject.counters().wait_refused;
    return false;
  }
  // Who has waited before still counts as waiting.
  auto* client = core.find(reader.ticket.client);
  if (client != nullptr && reader.counted) ++client->waits;
  if (!reader.shared) ++subject.counters().coalesced;
  if (reader.counted) core.finish(reader.ticket.client);
  return true;
}

void ReadFlight::tell_missing(const Reader& reader, Core& core) {
  core.count_miss(check_.subject(), check_.load_begins(), reader.since, look());
  if (reader.counted) {
    core.reply_null(reader.ticket);
  } else {
    core.deliver_null(reader.ticket);
  }
}

}  // namespace pannier::policies
