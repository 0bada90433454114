// Commands with keys under a rule: which rule, which version, and the reads.

#include <algorithm>
#include <utility>

#include "policies/ban_record.hpp"
#include "policies/checked_read.hpp"
#include "policies/multi_read.hpp"
#include "policies/pipeline.hpp"
#include "policies/read_flight.hpp"
#include "policies/served_versions.hpp"
#include "policies/table_writes.hpp"
#include "policies/test_bugs.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

using protocol::Access;
using protocol::Verb;

bool Pipeline::find_rules(Request& request) {
  // The room for captures outlives the command, as that for keys does.
  if (!request.keys.empty()) captures_.swap(request.keys.front().match.captures);
  captures_.clear();
  request.keys.clear();
  if (!protocol::find_keys(request.spec, request.args(), positions_)) return false;
  bool ruled = false;
  for (const auto position : positions_) {
    auto& use = request.keys.emplace_back();
    use.position = position;
    if (captures_.capacity() > 0) use.match.captures.swap(captures_);
    core_.rules->find(request.args()[position], use.match);
    if (use.match && use.match.rule->never()) use.match.rule = nullptr;
    ruled = ruled || use.match;
  }
  return ruled;
}

Verdict Pipeline::answer_down(Request& request, const KeyUse& use) {
  if (use.match.rule->tier->on_down != OnDown::miss || request.spec.verb != Verb::get) {
    return answer(core_.down_error);
  }
  core_.count_miss(*request.subject(use, core_), core_.server_floor(), core_.now);
  std::string null;
  protocol::append_null(null, request.client.resp);
  return answer(std::move(null));
}

Verdict Pipeline::begin(Request& request, Link link, std::string_view wire, std::uint32_t replies,
                        std::unique_ptr<Exchange> exchange) {
  core_.begin(request.client, link);
  core_.send(link, wire, replies, std::move(exchange));
  return Wait{};
}

Verdict Pipeline::decide_ruled(Request& request) {
  if (core_.upstream == Core::UpstreamState::down) {
    if (auto verdict = answer_outdated(request)) return std::move(*verdict);
  }
  if (!core_.from_memory(request.ruled_key().match.rule)) {
    if (auto verdict = await_replay()) return std::move(*verdict);
  }
  if (auto verdict = apply_versions(request)) return std::move(*verdict);
  auto& client = request.client;
  // Retired versions have left their rule: there may be nothing else.
  if (!request.ruled_key().match)
    return pass(client, &request.spec, request.command, request.wire(wire_));
  if (request.spec.access == Access::read) {
    if (auto verdict = answer_copy(request)) {
      see_versions(request);
      return std::move(*verdict);
    }
  }
  const auto& rule = *request.ruled_key().match.rule;
  auto link = core_.lane(client.db, &rule);
  // Upstream is not needed only when none of the keys needs it.
  for (const auto& use : request.keys) {
    if (!core_.from_memory(use.match.rule)) link = core_.lane(client.db, use.match.rule);
  }
  const bool converts = protocol::converts(request.spec, request.args());
  if (link.kind == Link::Kind::lane && !converts) {
    const bool is_3 = client.resp == protocol::Resp::v3;
    link.kind = is_3 ? Link::Kind::lane : Link::Kind::plain2;
  }
  if (client.open > 0 && client.link != link && !has(Bug::no_barrier)) return Hold{};
  const bool beside_lane = link.kind == Link::Kind::plain2 || link.kind == Link::Kind::plain3;
  if (beside_lane && request.spec.access == Access::read && !has_bans(core_, link.db)) {
    return Hold{};
  }
  const auto failure = write_tables(request, core_);
  if (!failure) return Hold{};
  if (!failure->empty()) return answer(protocol::error_reply(*failure));
  raise_fence(client);
  if (client.open == 0) client.busy = 0;
  for (const auto& use : request.keys) {
    if (use.match && use.match.rule->copies())
      client.busy |= LocalCopies::bit(request.upstream_key(use));
  }
  // What a connection without tracking answers is newer than any copy may be.
  const bool is_untracked = link.kind != Link::Kind::lane && rule.copies();
  if (request.spec.access == Access::all || is_untracked) client.fence_due = true;
  if (request.spec.verb == Verb::get) return read(request);
  if (request.spec.verb != Verb::mget) use_versions(request);
  name_reply(request);
  client.joins_from = core_.next_exchange;
  auto verdict = [&]() -> Verdict {
    switch (request.spec.verb) {
      case Verb::mget:
        return read_many(request, link);
      case Verb::ttl:
      case Verb::pttl:
      case Verb::expiretime:
      case Verb::pexpiretime:
        return read_expiry(request, link);
      case Verb::set:
      case Verb::setex:
      case Verb::psetex:
      case Verb::getset:
      case Verb::setnx:
        return store(request, link);
      case Verb::expire:
      case Verb::pexpire:
      case Verb::expireat:
      case Verb::pexpireat:
        return expire(request, link);
      case Verb::getex:
        return get_and_expire(request, link);
      default:
        return request.spec.access == Access::read ? read_other(request, link)
                                                   : write(request, link);
    }
  }();
  wrote_tables(request, link, core_);
  return verdict;
}

Verdict Pipeline::read(Request& request) {
  auto& client = request.client;
  const auto& use = request.ruled_key();
  const auto subject = request.subject(use, core_);
  const auto& tier = *subject->rule->tier;
  auto& counters = subject->counters();
  ++counters.reads;
  if (subject->rule->notes_reads()) note_read(use.match, subject->client_key, client);
  // Inside a stale window nobody waits, so those rules look upstream first. So does a client with
  // commands under way: one of them may write the key, and what ends the wait may be older than it.
  const bool may_wait = (subject->rule->leases() || subject->rule->asks() != nullptr) &&
                        tier.stale.count() == 0 && client.open == 0;
  if (may_wait && core_.leases.held_without_value(subject->table_key) &&
      !falls_back(core_, *subject, client)) {
    const auto& rule = *subject->rule;
    const auto until = core_.now + core_.wait_for(rule);
    if (core_.leases.wait(subject->table_key, {request.ticket, core_.now, until})) {
      ++client.waits;
      ++counters.coalesced;
      return Wait{};
    }
    ++counters.wait_refused;
  }
  const auto link = core_.lane(client.db, subject->rule.get());
  core_.begin(client, link);
  const auto flight = core_.flights.find(subject->table_key);
  if (flight != core_.flights.end() && flight->second->joinable(client, core_)) {
    flight->second->join(request.ticket, core_.now);
    return Wait{};
  }
  core_.retries.earn();
  ReadFlight::start(subject, {{request.ticket, core_.now}}, core_);
  return Wait{};
}

Verdict Pipeline::read_many(Request& request, Link link) {
  MultiRead::Asked asked{request.wire(wire_), {}, {}, {}, request.keys.size()};
  std::string rest;
  if (copied_.found > 0) {
    asked.whole = std::exchange(asked.wire, {});
    protocol::append_command(rest, 1 + request.keys.size() - copied_.found);
    protocol::append_bulk(rest, "MGET");
  }
  for (std::size_t i = 0; i < request.keys.size(); ++i) {
    const auto& use = request.keys[i];
    const auto copy = copied_.of(i);
    if (copied_.found > 0 && copy.empty()) protocol::append_bulk(rest, request.upstream_key(use));
    if (!use.match) continue;
    auto subject = request.subject(use, core_);
    ++subject->counters().reads;
    if (use.match.rule->notes_reads()) note_read(use.match, subject->client_key, request.client);
    // What it sends behind this would be read by what is loaded for this.
    if (copy.empty() && use.match.rule->asks() != nullptr) request.client.settles = true;
    if (copy.empty()) {
      asked.ruled.emplace_back(i, std::move(subject));
    } else {
      const auto view = core_.copies.look(subject->key, core_.now, core_.tracks);
      asked.known.push_back({i, std::move(subject), std::string(copy), view});
    }
  }
  if (copied_.found > 0) asked.wire = rest;
  core_.begin(request.client, link);
  MultiRead::start(link, request.ticket, std::move(asked), core_.now, core_);
  return Wait{};
}

Verdict Pipeline::read_other(Request& request, Link link) {
  const auto wire = request.wire(wire_);
  const bool in_memory = link.kind == Link::Kind::memory;
  std::vector<SubjectRef> subjects;
  const auto& rule = *request.ruled_key().match.rule;
  // Where the tags of a value are known with the value, only that is kept.
  const bool keeps =
      core_.keeps_copies(rule, link) && core_.tracks && keeps_reply(request) && !rule.finds_tags();
  for (const auto& use : request.keys) {
    // Where no push does, this ends a copy that is older than what is told now (R7).
    if (use.match && use.match.rule->copies() && !core_.tracks) {
      core_.copies.pushed(request.upstream_key(use));
    }
    const bool can_be_banned = link.kind == Link::Kind::lane || !core_.bans.empty(link.db);
    const bool can_be_invalid = use.match && (use.match.rule->tagged() || can_be_banned);
    if (can_be_invalid || keeps || (in_memory && use.match))
      subjects.push_back(request.subject(use, core_));
  }
  if (subjects.empty()) return pass_on_link(request.client, link, wire);
  core_.begin(request.client, link);
  CheckedRead::Asked asked{std::string(wire), {}, {}, {}};
  if (keeps) asked.question = question_of(request);
  CheckedRead::start(subjects, link, request.ticket, std::move(asked), core_);
  return Wait{};
}

Verdict Pipeline::read_expiry(Request& request, Link link) {
  using Unit = ExpiryRead::Unit;
  auto unit = Unit::pexpiretime;
  if (request.spec.verb == Verb::ttl) unit = Unit::ttl;
  if (request.spec.verb == Verb::pttl) unit = Unit::pttl;
  if (request.spec.verb == Verb::expiretime) unit = Unit::expiretime;
  core_.begin(request.client, link);
  ExpiryRead::start(request.subject(request.ruled_key(), core_), link, request.ticket, unit, core_);
  return Wait{};
}

}  // namespace pannier::policies
