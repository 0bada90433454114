// What core knows of loads: who may load a missing value, and what happens to those who wait.

#include <algorithm>

#include "policies/absence.hpp"
#include "policies/core.hpp"
#include "policies/fleet_lease.hpp"
#include "policies/journal_replay.hpp"
#include "policies/read_flight.hpp"

namespace pannier::policies {

namespace {

/// Without pushes nobody tells when another sidecar's load has ended: so often it is asked.
constexpr milliseconds follow_without_pushes{50};
/// Between an origin's giving up and the end of the lease it loads under.
constexpr milliseconds origin_margin{1'000};

/// That time, or as long as the row of such a key may take.
microseconds with_time_for_row(const Rule& rule, microseconds time) {
  if (rule.table == nullptr) return time;
  return std::max<microseconds>(time, rule.table->timeout + origin_margin);
}

}  // namespace

microseconds Core::lease_time(const Rule& rule) const {
  // An origin says itself when it gives up; then nobody needs to be waited for any more.
  if (rule.origin != nullptr) return rule.origin->timeout + origin_margin;
  return with_time_for_row(rule, learning.lease_time(rule.settings->name));
}

bool Core::fall_back(const Subject& subject, const LeaseTable::Waiter& waiter) {
  if (!waiter.fallback) return false;
  ++subject.counters().stale_served;
  subject.count_avoided(1);
  deliver(waiter.ticket, *waiter.fallback);
  return true;
}

microseconds Core::wait_for(const Rule& rule) const {
  if (rule.origin != nullptr) return lease_time(rule);
  return with_time_for_row(rule, rule.tier->coalesce.wait);
}

bool Core::may_tell_waiters(const Subject& subject, ServerTime begins, Link link) const {
  const auto latest = newest(subject).at;
  if (latest && begins <= *latest) return false;
  if (link.kind == Link::Kind::memory) return true;
  return generations_current(subject) && bans.known(subject.db) == Bans::Known::all;
}

bool Core::grant(const SubjectRef& subject, ClientId client, LeaseTable::Terms terms) {
  if (find(client) == nullptr || leases.held(subject->table_key)) return false;
  const auto time = lease_time(*subject->rule);
  if (!leases.grant(subject, client, now, now + time, std::move(terms))) return false;
  ++subject->counters().leases_granted;
  return true;
}

void Core::offer_lease(const SubjectRef& subject, ClientId client) {
  if (learning.worth_waiting(subject->rule->settings->name, subject->table_key, now)) {
    grant(subject, client);
  } else {
    ++subject->counters().wait_refused;
  }
}

bool Core::needs_fleet(const Subject& subject) const {
  return subject.rule->fleet() && upstream == UpstreamState::up && !from_memory(subject.rule.get());
}

void Core::follow(const SubjectRef& subject, microseconds time, bool over_value) {
  if (leases.held(subject->table_key)) return;
  if (!tracks) time = std::min<microseconds>(time, follow_without_pushes);
  // Some time for Redis to let it go; an expiry is not pushed at once.
  const auto until = now + time + milliseconds(5);
  if (leases.grant(subject, LeaseTable::elsewhere, now, until, {{}, over_value})) {
    ++subject->counters().leases_elsewhere;
  }
}

std::vector<LeaseTable::Waiter> Core::end_lease(const std::string& key) {
  const auto subject = leases.subject(key);
  fleet_lease::release(*this, *subject, leases.drop_token(key));
  return leases.close(key);
}

void Core::look_again(const std::string& key, bool only_lease) {
  if (claims > 0) {
    const auto open = flights.find(key);
    if (open != flights.end()) open->second->move_lease();
  }
  if (!leases.held(key) || awaits_replay(*this)) return;
  const auto subject = leases.subject(key);
  if (leases.held_elsewhere(key)) {
    ReadFlight::restart(subject, leases.close(key), *this);
  } else if (!only_lease && needs_fleet(*subject) && leases.held_without_value(key)) {
    // Somebody else may have stored what is being loaded here; the look ends the lease if so.
    ReadFlight::start(subject, {}, *this);
  }
}

void Core::removed(const Subject& subject, Link link, bool by_now) {
  if (!subject.rule->guards()) return;
  // On the lane what is sent later comes later; of other connections nobody knows the order.
  const bool ordered = link.kind == Link::Kind::lane;
  if (by_now && ordered) return;
  misses.removed(subject.table_key, next_exchange);
}

void Core::count_miss(const Subject& subject, ServerTime at, TimePoint since, OpenMisses::Look look,
                      ClientId load) {
  auto& counters = subject.counters();
  ++counters.misses;
  // Nobody loads what an origin has not found.
  if (subject.rule->origin == nullptr || load != 0) {
    ++counters.loads;
    ++subject.rule->loads->loads;
  }
  counters.miss_seconds.add(now - since);
  latest_begin = std::max(latest_begin, at);
  look.newest = newest(subject).either();
  misses.add(subject.table_key, at, now, std::move(look), load);
}

void Core::written(const std::string& key) {
  absence::forget(*this, key);
  touched(key);
}

void Core::touched(const std::string& key) {
  close_flight(key);
  origin_memory.forget(key);
  copies.pushed(std::string_view(key).substr(table_key_prefix));
  if (leases.empty() || !leases.held(key)) return;
  const auto subject = leases.subject(key);
  ReadFlight::restart(subject, end_lease(key), *this);
}

}  // namespace pannier::policies
