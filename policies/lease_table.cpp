#include "policies/lease_table.hpp"

#include <algorithm>
#include <utility>

namespace pannier::policies {

namespace {

void count_down(std::unordered_map<ClientId, std::size_t>& involved, ClientId client) {
  const auto at = involved.find(client);
  if (at != involved.end() && --at->second == 0) involved.erase(at);
}

}  // namespace

bool LeaseTable::held_elsewhere(const std::string& key) const {
  if (elsewhere_ == 0) return false;
  const auto at = leases_.find(key);
  return at != leases_.end() && at->second.holder == elsewhere;
}

bool LeaseTable::held_without_value(const std::string& key) const {
  const auto at = leases_.find(key);
  return at != leases_.end() && !at->second.terms.over_value;
}

bool LeaseTable::take_token(const std::string& key, const std::string& token) {
  const auto at = leases_.find(key);
  if (at == leases_.end() || at->second.holder == elsewhere || !at->second.terms.token.empty()) {
    return false;
  }
  at->second.terms.token = token;
  return true;
}

std::string LeaseTable::drop_token(const std::string& key) {
  const auto at = leases_.find(key);
  return at == leases_.end() ? std::string() : std::exchange(at->second.terms.token, {});
}

std::vector<std::string> LeaseTable::keys_elsewhere() const {
  std::vector<std::string> keys;
  for (const auto& [key, lease] : leases_) {
    if (lease.holder == elsewhere) keys.push_back(key);
  }
  return keys;
}

bool LeaseTable::grant(const SubjectRef& subject, ClientId holder, TimePoint now,
                       TimePoint deadline, Terms terms) {
  if (leases_.size() >= bounds_.leases) return false;
  const auto [at, fresh] = leases_.try_emplace(subject->table_key);
  if (!fresh) return false;
  auto& lease = at->second;
  lease.subject = subject;
  lease.holder = holder;
  lease.terms = std::move(terms);
  if (holder == elsewhere) ++elsewhere_;
  lease.granted = now;
  lease.deadline = lease.alarm = deadline;
  alarms_.emplace(deadline, at->first);
  ++involved_[holder];
  return true;
}

bool LeaseTable::wait(const std::string& key, const Waiter& waiter) {
  const auto at = leases_.find(key);
  if (at == leases_.end() || waiting_ >= bounds_.waiters ||
      at->second.waiters.size() >= bounds_.waiters_per_key) {
    return false;
  }
  // Mostly at the end; a reader that comes back from a slow flight has waited longer than others.
  auto& waiters = at->second.waiters;
  const auto place =
      std::upper_bound(waiters.begin(), waiters.end(), waiter.until,
                       [](TimePoint until, const Waiter& other) { return until < other.until; });
  waiters.insert(place, waiter);
  ++waiting_;
  ++involved_[waiter.ticket.client];
  set_alarm(at->first, at->second);
  return true;
}

std::size_t LeaseTable::waits_of(ClientId client,
                                 const std::function<bool(ClientId)>& is_one) const {
  if (!involved_.contains(client)) return 0;
  std::size_t count = 0;
  for (const auto& [key, lease] : leases_) {
    if (!is_one(lease.holder)) continue;
    count += static_cast<std::size_t>(std::ranges::count_if(
        lease.waiters, [client](const Waiter& waiter) { return waiter.ticket.client == client; }));
  }
  return count;
}

std::vector<LeaseTable::Waiter> LeaseTable::close(const std::string& key) {
  std::vector<Waiter> waited;
  const auto at = leases_.find(key);
  if (at == leases_.end()) return waited;
  waited.assign(at->second.waiters.begin(), at->second.waiters.end());
  waiting_ -= waited.size();
  for (const auto& waiter : waited) count_down(involved_, waiter.ticket.client);
  end_or_keep(at, false);
  return waited;
}

LeaseTable::Leases::iterator LeaseTable::end_or_keep(Leases::iterator at, bool keep) {
  if (keep) {
    set_alarm(at->first, at->second);
    return std::next(at);
  }
  count_down(involved_, at->second.holder);
  if (at->second.holder == elsewhere) --elsewhere_;
  drop_alarm(at->first, at->second);
  return leases_.erase(at);
}

void LeaseTable::drop_alarm(const std::string& key, const Lease& lease) {
  alarms_.erase({lease.alarm, std::string_view(key)});
}

void LeaseTable::set_alarm(const std::string& key, Lease& lease) {
  auto next = lease.deadline;
  if (!lease.waiters.empty()) next = std::min(next, lease.waiters.front().until);
  if (next == lease.alarm) return;
  drop_alarm(key, lease);
  lease.alarm = next;
  alarms_.emplace(next, key);
}

bool LeaseTable::pass_on(Lease& lease, TimePoint now, microseconds extension, Expired& expired) {
  expired.lost = true;
  expired.token = lease.terms.token;
  expired.over_value = lease.terms.over_value;
  if (lease.holder == elsewhere) {
    expired.is_elsewhere = true;
    expired.look_again.assign(lease.waiters.begin(), lease.waiters.end());
    waiting_ -= lease.waiters.size();
    for (const auto& waiter : lease.waiters) count_down(involved_, waiter.ticket.client);
    lease.waiters.clear();
  }
  if (lease.waiters.empty()) return false;
  expired.new_holder = lease.waiters.front();
  lease.waiters.pop_front();
  --waiting_;
  count_down(involved_, lease.holder);
  lease.holder = expired.new_holder->ticket.client;  // Its wait is counted on as its lease.
  lease.granted = now;
  lease.deadline = now + extension;
  lease.terms.over_value = false;
  return true;
}

std::vector<LeaseTable::Expired> LeaseTable::release(ClientId client, TimePoint now,
                                                     microseconds extension) {
  std::vector<Expired> released;
  if (!involved_.contains(client)) return released;
  for (auto at = leases_.begin(); at != leases_.end();) {
    auto& lease = at->second;
    const auto gone = std::erase_if(
        lease.waiters, [&](const Waiter& waiter) { return waiter.ticket.client == client; });
    waiting_ -= gone;
    for (std::size_t i = 0; i < gone; ++i) count_down(involved_, client);
    if (lease.holder != client) {
      at = end_or_keep(at, true);
      continue;
    }
    Expired& expired = released.emplace_back();
    expired.subject = lease.subject;
    at = end_or_keep(at, pass_on(lease, now, extension, expired));
  }
  return released;
}

std::vector<LeaseTable::Expired> LeaseTable::expire(TimePoint now, microseconds extension) {
  std::vector<Expired> ended;
  while (!alarms_.empty() && alarms_.begin()->first <= now) {
    const auto at = leases_.find(std::string(alarms_.begin()->second));
    auto& lease = at->second;
    Expired& expired = ended.emplace_back();
    expired.subject = lease.subject;
    while (!lease.waiters.empty() && lease.waiters.front().until <= now) {
      expired.gave_up.push_back(lease.waiters.front());
      count_down(involved_, lease.waiters.front().ticket.client);
      lease.waiters.pop_front();
      --waiting_;
    }
    const bool kept = lease.deadline > now || pass_on(lease, now, extension, expired);
    end_or_keep(at, kept);
  }
  return ended;
}

std::vector<LeaseTable::Listed> LeaseTable::list(std::size_t most) const {
  std::vector<Listed> lines;
  for (const auto& [key, lease] : leases_) {
    if (lines.size() == most) break;
    lines.push_back({key, lease.holder, lease.granted, lease.deadline, lease.waiters.size()});
  }
  return lines;
}

}  // namespace pannier::policies
