#include "tests/support/sidecar.hpp"

#include <stdexcept>
#include <variant>

#include "protocol/reply.hpp"

namespace pannier::tests {

using policies::ClientId;
using policies::Link;

namespace {

constexpr Link first_lane{Link::Kind::lane, 0, 0};

}  // namespace

Sidecar::Sidecar(FakeRedis& redis, policies::Settings settings, policies::TimePoint start,
                 bool is_reachable)
    : reachable(is_reachable), now(start), redis_(redis) {
  pipeline_ = std::make_unique<policies::Pipeline>(std::move(settings), *this, now, redis.now);
  wires(first_lane).state = State::connecting;
  reachable ? connected() : refused();
}

Sidecar::~Sidecar() {
  for (auto& [link, wires] : links_) redis_.forget(*wires.connection);
}

void Sidecar::demand(bool kept, const char* promise) {
  if (!kept) throw std::logic_error(promise);
}

// Clients

ClientId Sidecar::connect() {
  auto session = std::make_unique<Session>();
  session->client.id = ++last_client_;
  pipeline_->open(session->client);
  sessions_.emplace(last_client_, std::move(session));
  return last_client_;
}

void Sidecar::close(ClientId id) {
  const auto session = std::move(sessions_.at(id));
  sessions_.erase(id);
  pipeline_->close(session->client, now);
  drop_own(id);
  carry_out();
}

void Sidecar::send(ClientId id, std::string wire) {
  auto& session = *sessions_.at(id);
  session.held.push_back(std::move(wire));
  if (!session.is_held) proceed(session);
  carry_out();
}

void Sidecar::proceed(Session& session) {
  session.is_held = false;
  while (!session.held.empty()) {
    if (!take_one(session, session.held.front())) {
      session.is_held = true;
      return;
    }
    session.held.pop_front();
  }
}

bool Sidecar::take_one(Session& session, const std::string& wire) {
  auto& client = session.client;
  const auto words = words_of(wire);
  const protocol::Command command{words, wire};
  const auto number = client.next;
  session.answered.resize(number + 1);
  const auto verdict = pipeline_->decide(client, command, now);
  if (std::holds_alternative<policies::Hold>(verdict)) return false;
  demand(!std::holds_alternative<policies::Tunnel>(verdict), "no tunnels in tests");
  // An action names its request by `client.next`, so it runs before that is counted up.
  if (std::holds_alternative<policies::Act>(verdict)) {
    std::string bytes;
    if (const auto value = act(client, command)) value->append_to(bytes, client.resp);
    if (!bytes.empty()) reply(session, number, bytes);
  }
  ++client.next;
  if (const auto* here = std::get_if<policies::Answer>(&verdict)) {
    reply(session, number, here->reply);
  } else if (const auto* way = std::get_if<policies::Forward>(&verdict)) {
    auto& to = wires_in_db(way->link);
    if (to.state == State::failed) {
      answer_forward(client.id, number, down);
      if (way->link.kind == Link::Kind::own) pipeline_->lose_own(client, down);
    } else {
      to.slots.push_back({client.id, number, 1, now});
      append(to, way->wire);
    }
  }
  return true;
}

void Sidecar::reply(Session& session, std::uint64_t number, std::string_view bytes) {
  demand(number < session.answered.size(), "a reply to a request that was never made");
  demand(!session.answered[number], "a second reply to a request");
  session.answered[number] = true;
  session.queue.put(number, 1, bytes, session.out);
}

std::string Sidecar::take(ClientId id) { return std::exchange(sessions_.at(id)->out, {}); }

bool Sidecar::answered_all(ClientId id) const {
  const auto& session = *sessions_.at(id);
  return session.held.empty() && session.queue.head() == session.client.next;
}

// Time and effects

void Sidecar::tick() {
  pipeline_->tick(now);
  carry_out();
  break_late_links();
}

void Sidecar::reload(policies::Settings settings) {
  pipeline_->reload(std::move(settings));
  carry_out();
}

void Sidecar::carry_out() {
  if (std::exchange(carrying_out_, true)) return;
  while (!failures_.empty() || !resumed_.empty() || !dropped_.empty() || !closing_.empty()) {
    for (const auto id : std::exchange(closing_, {})) {
      if (sessions_.contains(id)) close(id);
    }
    for (auto& [exchange, error] : std::exchange(failures_, {})) {
      pipeline_->fail(exchange, error, now);
    }
    for (auto& slots : std::exchange(dropped_, {})) fail_slots(std::move(slots), lost);
    for (const auto id : std::exchange(resumed_, {})) {
      const auto at = sessions_.find(id);
      if (at != sessions_.end() && at->second->is_held) proceed(*at->second);
    }
  }
  carrying_out_ = false;
}

void Sidecar::deliver(policies::Ticket to, std::string_view bytes) {
  const auto at = sessions_.find(to.client);
  if (at != sessions_.end()) reply(*at->second, to.number, bytes);
}

void Sidecar::send(Link link, std::string_view wire, std::uint32_t replies,
                   policies::ExchangeId exchange) {
  auto& to = wires_in_db(link);
  if (to.state == State::failed) {
    failures_.emplace_back(exchange, down);
    return;
  }
  to.slots.push_back({0, exchange, replies, now});
  append(to, wire);
}

void Sidecar::resume(ClientId client) { resumed_.push_back(client); }

void Sidecar::close(ClientId client, bool) { closing_.push_back(client); }

ClientId Sidecar::open_loader(std::uint32_t db) {
  if (!has_origins) return 0;
  const auto id = connect();
  sessions_.at(id)->client.db = db;
  sessions_.at(id)->client.internal = true;
  return id;
}

void Sidecar::store_loaded(const policies::OriginLoad& order, std::string_view value) {
  auto& session = *sessions_.at(order.loader);
  session.answered.resize(session.client.next + 1);
  demand(pipeline_->store_loaded(session.client, order, value, now), "nothing to wait for");
  carry_out();
  settle();
  close(order.loader);
}

void Sidecar::load_failed(const policies::OriginLoad& order, std::string_view error) {
  pipeline_->load_failed(sessions_.at(order.loader)->client, order, error, now);
  carry_out();
  close(order.loader);
}

void Sidecar::answer_table(const policies::TableCall& call, const policies::TableOutcome& outcome) {
  pipeline_->table_answered(call.id, outcome, now);
  carry_out();
  settle();
}

void Sidecar::drop_own(ClientId client) {
  for (const auto link : links()) {
    if (link.kind != Link::Kind::own || link.client != client) continue;
    redis_.forget(*links_.at(link).connection);
    dropped_.push_back(std::move(links_.at(link).slots));
    links_.erase(link);
  }
}

}  // namespace pannier::tests
