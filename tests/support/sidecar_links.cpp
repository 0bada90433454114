#include <utility>

#include "protocol/reply.hpp"
#include "tests/support/sidecar.hpp"

// The links of a sidecar without sockets: what proxy/upstream does.

namespace pannier::tests {

using policies::ClientId;
using policies::Link;

namespace {

constexpr Link first_lane{Link::Kind::lane, 0, 0};

}  // namespace

Sidecar::Wires& Sidecar::wires(Link link) {
  // A client has one connection of its own, whatever database it is in.
  auto& wires = links_[link.kind == Link::Kind::own ? Link{link.kind, 0, link.client} : link];
  if (!wires.connection) {
    auto resp = link.kind == Link::Kind::plain2 ? protocol::Resp::v2 : protocol::Resp::v3;
    if (link.kind == Link::Kind::own) resp = client(link.client).resp;
    wires.connection = std::make_unique<FakeRedis::Connection>();
    wires.connection->resp = wires.resp = resp;
    wires.connection->db = wires.db = link.db;
    wires.state = reachable ? State::ready : State::failed;
  }
  return wires;
}

Sidecar::Wires& Sidecar::wires_in_db(Link link) {
  auto& wires = this->wires(link);
  if (link.kind == Link::Kind::own && wires.state != State::failed) {
    const auto resp = client(link.client).resp;
    if (std::exchange(wires.resp, resp) != resp) {
      std::string hello;
      protocol::append_command(hello, {"HELLO", resp == protocol::Resp::v3 ? "3" : "2"});
      wires.slots.push_back({0, 0, 1, now});
      append(wires, hello);
    }
  }
  if (wires.db != link.db && wires.state != State::failed) {
    wires.db = link.db;
    std::string select;
    protocol::append_command(select, {"SELECT", std::to_string(link.db)});
    wires.slots.push_back({0, 0, 1, now});
    append(wires, select);
  }
  return wires;
}

std::vector<Link> Sidecar::links() const {
  std::vector<Link> names;
  for (const auto& [link, wires] : links_) names.push_back(link);
  return names;
}

void Sidecar::append(Wires& wires, std::string_view commands) {
  while (!commands.empty()) {
    wires.unrun.emplace_back(take_command(commands));
    wires.order.push_back(sent_++);
  }
}

std::optional<Link> Sidecar::oldest() const {
  std::optional<Link> oldest;
  for (const auto& [link, wires] : links_) {
    if (wires.state != State::ready || wires.unrun.empty()) continue;
    if (!oldest || wires.order.front() < links_.at(*oldest).order.front()) oldest = link;
  }
  return oldest;
}

std::vector<std::pair<Link, std::string>> Sidecar::unrun() const {
  std::map<std::uint64_t, std::pair<Link, std::string>> sorted;
  for (const auto& [link, wires] : links_) {
    for (std::size_t i = 0; i < wires.unrun.size(); ++i) {
      sorted[wires.order[i]] = {link, wires.unrun[i]};
    }
  }
  std::vector<std::pair<Link, std::string>> commands;
  for (auto& [order, command] : sorted) commands.push_back(std::move(command));
  return commands;
}

bool Sidecar::run_next(Link link) {
  const auto named = links_.find(link);
  if (named == links_.end()) return false;
  auto& wires = named->second;
  if (wires.state != State::ready || wires.unrun.empty()) return false;
  const auto command = std::move(wires.unrun.front());
  wires.unrun.pop_front();
  wires.order.pop_front();
  redis_.execute(*wires.connection, command);
  return true;
}

void Sidecar::answer(Link link, std::string bytes) {
  auto& wires = links_.at(link);
  wires.unrun.pop_front();
  wires.order.pop_front();
  wires.connection->out.push_back(std::move(bytes));
  deliver_next(link);
}

bool Sidecar::deliver_next(Link link) {
  const auto named = links_.find(link);
  if (named == links_.end()) return false;
  auto& wires = named->second;
  if (wires.state != State::ready || wires.connection->out.empty()) return false;
  const auto bytes = std::move(wires.connection->out.front());
  wires.connection->out.pop_front();
  if (bytes.starts_with('>')) {
    pipeline_->invalidate(bytes, now);
  } else {
    Sidecar::demand(!wires.slots.empty(), "a reply nobody asked for");
    const auto slot = wires.slots.front();
    if (--wires.slots.front().replies == 0) wires.slots.pop_front();
    if (slot.client == 0) {
      pipeline_->settle(slot.number, bytes, now);
    } else {
      const auto at = sessions_.find(slot.client);
      const bool is_2 = at != sessions_.end() && at->second->client.resp == protocol::Resp::v2;
      std::string converted;
      if (link.kind == Link::Kind::lane && is_2) protocol::append_as_resp2(converted, bytes);
      answer_forward(slot.client, slot.number, converted.empty() ? bytes : converted);
    }
  }
  carry_out();
  return true;
}

void Sidecar::settle() {
  constexpr int most = 100'000;  // What takes more than that asks the same again and again.
  int moves = 0;
  for (bool moved = true; moved;) {
    moved = false;
    demand(++moves < most, "an end of what is asked at one moment");
    if (const auto link = oldest()) moved = run_next(*link);
    for (const auto link : links()) {
      while (deliver_next(link)) moved = true;
    }
  }
}

void Sidecar::answer_forward(ClientId id, std::uint64_t number, std::string_view bytes) {
  const auto at = sessions_.find(id);
  if (at == sessions_.end()) return;
  auto& session = *at->second;
  reply(session, number, bytes);
  if (session.client.open > 0 && --session.client.open == 0) resume(id);
}

void Sidecar::fail_slots(std::deque<Slot> slots, const std::string& error) {
  for (const auto& slot : slots) {
    if (slot.client == 0) {
      failures_.emplace_back(slot.number, error);
    } else {
      answer_forward(slot.client, slot.number, error);
    }
  }
}

void Sidecar::break_link(Link link) {
  if (!links_.contains(link)) return;
  auto wires = std::move(links_.at(link));
  links_.erase(link);
  redis_.forget(*wires.connection);
  if (link == first_lane) {
    this->wires(link).state = State::connecting;
    this->wires(link).connects_since = now;
  }
  fail_slots(std::move(wires.slots), lost);
  if (link.kind == Link::Kind::own) {
    const auto at = sessions_.find(link.client);
    if (at != sessions_.end()) pipeline_->lose_own(at->second->client, lost);
  }
  if (link == first_lane) {
    pipeline_->lose_upstream(down, now);
  } else if (link.kind == Link::Kind::lane) {
    pipeline_->lose_lane(link.db, now);
  }
  carry_out();
}

void Sidecar::break_late_links() {
  const auto& lane = links_.at(first_lane);
  if (lane.state == State::connecting && now - lane.connects_since > op_timeout / 2) refused();
  for (const auto link : links()) {
    const auto at = links_.find(link);
    if (at == links_.end() || at->second.slots.empty() || link.kind == Link::Kind::own) continue;
    const bool is_late = now - at->second.slots.front().sent > op_timeout;
    if (is_late && at->second.state == State::ready) break_link(link);
  }
}

bool Sidecar::connecting() const { return links_.at(first_lane).state != State::ready; }

void Sidecar::retry() {
  auto& lane = links_.at(first_lane);
  if (lane.state != State::failed) return;
  lane.state = State::connecting;
  lane.connects_since = now;
}

void Sidecar::connected() {
  reachable = true;
  std::erase_if(links_, [](const auto& link) { return link.second.state == State::failed; });
  auto& lane = wires(first_lane);
  lane.state = State::ready;
  for (auto& slot : lane.slots) slot.sent = now;
  policies::ServerInfo server;
  server.tracks = redis_.tracks;
  server.time = redis_.now;
  pipeline_->gain_upstream(server, now);
  carry_out();
}

void Sidecar::refused() {
  reachable = false;
  auto& lane = wires(first_lane);
  lane.state = State::failed;
  lane.unrun.clear();
  lane.order.clear();
  fail_slots(std::exchange(lane.slots, {}), down);
  pipeline_->lose_upstream(down, now);
  carry_out();
}

}  // namespace pannier::tests
