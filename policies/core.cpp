#include "policies/core.hpp"

#include <algorithm>

#include "policies/guard.hpp"
#include "policies/read_flight.hpp"
#include "policies/served_versions.hpp"
#include "policies/test_bugs.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

namespace {

void raise(std::optional<ServerTime>& newest, ServerTime at) {
  newest = std::max(newest.value_or(at), at);
}

}  // namespace

std::string table_key(std::uint32_t db, std::string_view key) {
  std::string name(table_key_prefix, '\0');
  for (std::size_t i = 0; i < table_key_prefix; ++i) name[i] = static_cast<char>(db >> (8 * i));
  name += key;
  return name;
}

std::uint32_t db_of(std::string_view table_key) {
  std::uint32_t db = 0;
  for (std::size_t i = 0; i < table_key_prefix; ++i) {
    db |= static_cast<std::uint32_t>(static_cast<unsigned char>(table_key[i])) << (8 * i);
  }
  return db;
}

Client* Core::find(ClientId id) const {
  const auto at = clients.find(id);
  return at == clients.end() ? nullptr : at->second;
}

void Core::begin(Client& client, Link link) {
  client.link = link;
  ++client.open;
}

void Core::finish(ClientId id) {
  auto* client = find(id);
  if (client == nullptr || client->open == 0) return;
  if (--client->open == 0) effects.resume(id);
}

void Core::reply(Ticket to, std::string_view bytes) {
  std::string renamed;
  if (!reply_names.empty()) bytes = with_client_names(*this, to, bytes, renamed);
  effects.deliver(to, bytes);
  finish(to.client);
}

void Core::deliver(Ticket to, std::string_view bytes) {
  auto* client = find(to.client);
  if (client != nullptr && client->waits > 0) {
    --client->waits;
    if (std::exchange(client->awaits_reads, false)) effects.resume(to.client);
  }
  effects.deliver(to, bytes);
}

void Core::deliver_null(Ticket to) {
  const auto* client = find(to.client);
  if (client == nullptr) return;
  std::string null;
  protocol::append_null(null, client->resp_of(to.number));
  deliver(to, null);
}

void Core::reply_null(Ticket to) {
  const auto* client = find(to.client);
  if (client == nullptr) return;
  std::string null;
  protocol::append_null(null, client->resp_of(to.number));
  reply(to, null);
}

void Core::reply_from(Link link, Ticket to, std::string_view bytes) {
  const auto* client = find(to.client);
  const bool converts = link.kind == Link::Kind::lane || link.kind == Link::Kind::memory;
  if (client == nullptr || !converts || client->resp_of(to.number) == protocol::Resp::v3) {
    return reply(to, bytes);
  }
  std::string converted;
  protocol::append_as_resp2(converted, bytes);
  reply(to, converted);
}

ExchangeId Core::send(Link link, std::string_view wire, std::uint32_t replies,
                      std::unique_ptr<Exchange> exchange) {
  const auto id = next_exchange++;
  auto& one = running[id];
  one = {std::move(exchange), replies, 0, now, std::nullopt};
  if (link.kind == Link::Kind::lane) one.lane = link.db;
  if (link.kind == Link::Kind::memory) {
    for_memory.push_back({id, link.db, std::string(wire)});
  } else {
    effects.send(link, wire, replies, id);
  }
  return id;
}

bool Core::server_at_least(int major, int minor) const {
  int has[2] = {0, 0};
  std::size_t part = 0;
  for (const char byte : server_version) {
    if (byte == '.') {
      if (++part == 2) break;
    } else if (byte >= '0' && byte <= '9') {
      has[part] = has[part] * 10 + (byte - '0');
    }
  }
  return has[0] > major || (has[0] == major && has[1] >= minor);
}

ServerTime Core::learn_time(std::string_view reply, ServerTime asked) {
  const auto time = ClockFloor::parse(reply);
  if (!time) return server_floor();
  clock.learn(*time, asked, now);
  return *time;
}

bool Core::from_memory(const Rule* rule) const {
  if (mode == Mode::memory || upstream == UpstreamState::absent) return true;
  return upstream == UpstreamState::down && rule != nullptr &&
         rule->tier->on_down == OnDown::memory;
}

Link Core::lane(std::uint32_t db, const Rule* rule) const {
  return {from_memory(rule) ? Link::Kind::memory : Link::Kind::lane, db, 0};
}

bool Core::lane_current(std::uint32_t db) const {
  if (upstream == UpstreamState::up) {
    return tracks && now - copies.acked(db) <= rules->settings().upstream.max_lag;
  }
  return upstream == UpstreamState::absent || mode == Mode::memory;
}

void Core::lose_copies(std::optional<std::uint32_t> db) {
  if (!rules->serve_outdated()) return db ? copies.lose_lane(*db) : copies.lose_all();
  const auto acked = copies.acked(db.value_or(0));
  const auto silent_from = acked + rules->settings().upstream.max_lag;
  const auto current_until = acked == TimePoint{} ? now : std::min(now, silent_from);
  db ? copies.set_lane_aside(*db, current_until) : copies.set_all_aside(current_until);
}

Core::Newest Core::newest(const Subject& subject) const {
  Newest newest;
  newest.at = subject.floor;
  for (const auto& tag : subject.tags) {
    const auto* known = generations.find(subject.db, tag);
    if (known == nullptr) {
      newest.complete = false;
      continue;
    }
    raise(newest.at, known->generation.hard);
    if (known->generation.soft != ServerTime{}) raise(newest.soft, known->generation.soft);
  }
  if (bans.empty(subject.db)) return newest;
  const auto banned = bans.newest(subject.db, subject.bannable());
  if (banned.hard) raise(newest.at, *banned.hard);
  if (banned.soft) raise(newest.soft, *banned.soft);
  return newest;
}

ServerTime Core::Newest::after(ServerTime least) const {
  if (at) least = std::max(least, *at + milliseconds(1));
  if (soft) least = std::max(least, *soft + milliseconds(1));
  return least;
}

ServerTime Core::born_now(const Subject& subject) const {
  return newest(subject).after(server_floor());
}

bool Core::generations_current(const Subject& subject) const {
  const auto& tags = subject.tags;
  if (!tags.empty() && !lane_current(subject.db)) return false;
  return std::all_of(tags.begin(), tags.end(), [&](const std::string& tag) {
    const auto* known = generations.find(subject.db, tag);
    return known != nullptr && known->current;
  });
}

void Core::learn_generation(std::uint32_t db, std::string_view tag, Generation generation,
                            TagGenerations::Source source) {
  if (generations.learn(db, tag, generation, now, source)) {
    generations.moved(db, tag, copies.advance());
    origin_memory.clear();  // There may be such a row now.
  }
}

bool Core::lacks_generation(const Subject& subject) const {
  return std::any_of(subject.tags.begin(), subject.tags.end(), [&](const std::string& tag) {
    const auto* known = generations.find(subject.db, tag);
    return known == nullptr || !known->current;
  });
}

milliseconds Core::generation_life() const {
  return std::max<milliseconds>(rules->longest_life() * 2, std::chrono::hours(24));
}

std::string Core::upstream_key(std::string_view key, const Match& match) const {
  std::string full(key);
  if (!match || match.rule->settings->version.mode != VersionMode::transparent) return full;
  const auto* version = versions.find(version_name(*match.rule->settings));
  return version == nullptr ? full : full + ":v" + std::to_string(version->current);
}

void Core::remember(const Journal::Entry& entry) {
  while (!recent.empty() && recent.front().first + recent_time < now) recent.pop_front();
  if (upstream == UpstreamState::up) recent.emplace_back(now, entry);
}

milliseconds Core::longest_life() const {
  milliseconds longest{0};
  for (const auto& tier : rules->settings().tiers)
    longest = std::max(longest, longest_life_of(tier));
  return longest;
}

bool Core::may_tell_absent(const Subject& subject) const {
  // What begins at a moment still to come must be announced.
  return born_now(subject) <= server_floor() && !lacks_generation(subject) &&
         !needs_fleet(subject) && !guard::in_fleet(subject, *this) &&
         (leases.empty() || !leases.held(subject.table_key));
}

void Core::tell_absent(const SubjectRef& subject, ClientId client, TimePoint since) {
  ++subject->counters().local_misses;
  if (subject->rule->leases()) offer_lease(subject, client);
  count_miss(*subject, server_floor(), since);
}

bool Core::keeps_copies(const Rule& rule, Link link) const {
  return rule.copies() && link.kind == Link::Kind::lane && !is_replica;
}

WriteUnderWay Core::begin_write(const Subject& subject) {
  close_flight(subject.table_key);
  return {copies, subject.key};
}

void Core::close_flight(const std::string& key) {
  const auto open = flights.find(key);
  if (open == flights.end() || has(Bug::join_any)) return;
  open->second->close();
  flights.erase(open);
}

}  // namespace pannier::policies
