// The part of the server that faces upstream: its links, and what the pipeline asks of them.

#include <algorithm>

#include "proxy/errors.hpp"
#include "proxy/log.hpp"
#include "proxy/server.hpp"

namespace pannier::proxy {

using policies::ClientId;
using policies::Link;
using protocol::Resp;

namespace {

/// From where commands are answered while upstream is away, as the log says it.
std::string_view serving(policies::Core::UpstreamState state) {
  using State = policies::Core::UpstreamState;
  switch (state) {
    case State::absent:
      return "memory";
    case State::down:
      return "on_down";  // Each tier as its setting of this name says, and errors for the rest.
    case State::connecting:
    case State::up:
      break;
  }
  return "upstream";
}

}  // namespace

// Links

Upstream& Server::link(Link name) {
  if (name.kind == Link::Kind::own) return own_link(name);
  auto& upstream = links_[name];
  if (!upstream) {
    const bool is_2 = name.kind == Link::Kind::plain2;
    upstream = std::make_shared<Upstream>(*this, name, is_2 ? Resp::v2 : Resp::v3);
  }
  return *upstream;
}

std::string Server::load_tls() {
  const auto& host = upstream_url_.address.host;
  auto upstream = upstream_tls_, client = client_tls_;
  if (upstream_url_.tls) {
    const auto made = TlsContext::for_upstream(settings_.upstream.tls, host);
    if (!made) return "upstream.tls: " + made.error().sentence;
    upstream = *made;
  }
  // A reload that leaves the certificate out does not close the port: that needs a restart.
  if (settings_.listen_tls != "off" && !(client && settings_.tls.cert.empty())) {
    const auto made = TlsContext::for_clients(settings_.tls);
    if (!made) return "tls: " + made.error().sentence;
    client = *made;
  }
  upstream_tls_ = std::move(upstream);
  client_tls_ = std::move(client);
  return {};
}

std::unique_ptr<Tls> Server::tls_to_upstream() const {
  return upstream_url_.tls ? std::make_unique<Tls>(upstream_tls_) : nullptr;
}

void Server::answer_run(ClientId client, std::uint64_t number, std::uint64_t count,
                        std::string_view replies) {
  auto* session = find(client);
  if (session == nullptr) return;
  session->reply(number, count, replies);
  auto& open = session->client.open;
  open -= static_cast<std::uint32_t>(std::min<std::uint64_t>(open, count));
  if (open == 0 && session->held_) resume(client);
}

void Server::answer_part(ClientId client, std::uint64_t number, std::string_view piece) {
  if (auto* session = find(client)) session->reply_part(number, piece);
}

void Server::tunnel_to(ClientId client, std::string_view bytes) {
  auto* session = find(client);
  if (session == nullptr) {
    receive(client, bytes);
    return;
  }
  // CLIENT REPLY OFF silences replies, not what is pushed; in RESP2 that is a list.
  const bool is_3 = session->client.resp == Resp::v3;
  const bool is_push =
      is_3 ? bytes.front() == '>' : bytes.front() == '*' && !bytes.starts_with("*2\r\n$4\r\npong");
  if (!session->client.reply_off || is_push) session->tunnel(bytes);
}

void Server::tunnel_answered(ClientId client, bool ended) {
  auto* session = find(client);
  if (session == nullptr) return;
  session->awaiting_ = false;
  session->tunnel_quiet_ = true;
  if (session->leaving_) drop_own(client);
  if (session->leaving_) session->tunnel_multi_ = false;
  if (ended || session->leaving_) session->tunnel_ = session->leaving_ = false;
  resume(client);
}

bool Server::speaks_resp2(ClientId client) const {
  const auto* session = find(client);
  return session != nullptr && session->client.resp == protocol::Resp::v2;
}

void Server::settle(policies::ExchangeId exchange, std::string_view reply) {
  pipeline_.settle(exchange, reply, turn_.now);
}

void Server::invalidate(std::string_view push) { pipeline_.invalidate(push, turn_.now); }

void Server::link_ready(Upstream& upstream, const policies::ServerInfo& info) {
  ++counters_.connects;
  if (upstream.link() != first_lane()) return;
  log::info("upstream_ready", {{"upstream", upstream_name()}, {"redis_version", info.version}});
  if (!info.tracks && pipeline_.core().tracks) {
    log::warning("upstream_without_tracking",
                 {{"coherence", "ttl"},
                  {"error", info.untracked_because},
                  {"text", "local copies are believed for upstream.max_lag, not until a change"}});
  }
  if (info.is_replica && !pipeline_.core().is_replica) {
    log::warning("upstream_is_replica", {{"text", "no local copies are kept of what it says"}});
  }
  pipeline_.gain_upstream(info, turn_.now);
  if (!settings_.rules.empty() && !pipeline_.core().server_at_least(7, 0)) {
    log::warning("upstream_too_old", {{"redis_version", info.version},
                                      {"text", "rules need 7.0: no GET under one finds a value"}});
  }
}

void Server::link_lost(Upstream& upstream, const std::string& error, std::string_view reason) {
  begin_turn();
  if (upstream.link().kind == Link::Kind::own) {
    std::erase_if(pool_, [&](const auto& pooled) { return pooled.get() == &upstream; });
    const auto mine = links_.find({Link::Kind::own, 0, upstream.link().client});
    // One that was dropped is nobody's any more.
    if (mine == links_.end() || mine->second.get() != &upstream) return;
    if (auto* session = find(upstream.link().client)) {
      pipeline_.lose_own(session->client, errors::lost(upstream_name()));
    }
    return;
  }
  if (upstream.state() == Upstream::State::failed) ++counters_.connect_failures;
  const auto in_use = links_.find(upstream.link());
  if (in_use == links_.end() || in_use->second.get() != &upstream) return;  // It was replaced.
  if (upstream.link() != first_lane()) {
    const auto link = upstream.link();
    if (link.kind == Link::Kind::lane) pipeline_.lose_lane(link.db, turn_.now);
    return;
  }
  const auto before = pipeline_.core().upstream;
  pipeline_.lose_upstream(error, turn_.now, upstream.has_answered());
  const auto after = pipeline_.core().upstream;
  if (before != after) {
    log::warning("upstream_lost", {{"upstream", upstream_name()},
                                   {"reason", std::string(reason)},
                                   {"serving", std::string(serving(after))}});
  }
  if (upstream.state() == Upstream::State::idle) upstream.connect();
}

// Effects

void Server::deliver(policies::Ticket to, std::string_view reply) {
  if (auto* session = find(to.client)) return session->reply(to.number, 1, reply);
  receive(to.client, reply);
}

void Server::send(Link name, std::string_view wire, std::uint32_t replies,
                  policies::ExchangeId exchange) {
  const auto* session = name.kind == Link::Kind::own ? find(name.client) : nullptr;
  const bool may_block = session != nullptr && session->client.may_block;
  link(name).send(exchange, replies, wire, may_block);
}

void Server::invalidated(const policies::AuditRecord& record) {
  state_log_.invalidated(record, turn_.now);
  if (told_) told_(record);
  if (listening_.invalidated) listening_.invalidated(record);
}

void Server::changed(const policies::Change& change) {
  if (listening_.changed) listening_.changed(change);
}

void Server::resume(ClientId client) {
  if (auto* session = find(client); session != nullptr && session->held_) {
    resumed_.push_back(session->shared_from_this());
    begin_turn();
  }
}

}  // namespace pannier::proxy
