// Upstream connections that are one client's for a while, and what clients ask about connections.

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>

#include "proxy/log.hpp"
#include "proxy/server.hpp"

namespace pannier::proxy {

using policies::ClientId;
using policies::Link;

namespace {

constexpr std::size_t most_pooled = 64;
constexpr policies::seconds longest_in_pool{30};
constexpr policies::seconds longest_slow{10};  ///< A client may leave a large reply unread.

/// As Redis writes it in CLIENT LIST.
std::string name_of(const sockaddr_storage& address, socklen_t size) {
  if (address.ss_family == AF_INET) {
    const auto& ip = reinterpret_cast<const sockaddr_in&>(address);
    return asio::ip::make_address_v4(ntohl(ip.sin_addr.s_addr)).to_string() + ":" +
           std::to_string(ntohs(ip.sin_port));
  }
  if (address.ss_family == AF_INET6) {
    const auto& ip = reinterpret_cast<const sockaddr_in6&>(address);
    asio::ip::address_v6::bytes_type bytes;
    std::copy_n(ip.sin6_addr.s6_addr, bytes.size(), bytes.begin());
    return "[" + asio::ip::address_v6(bytes).to_string() +
           "]:" + std::to_string(ntohs(ip.sin6_port));
  }
  const auto& path = reinterpret_cast<const sockaddr_un&>(address);
  const bool is_named = size > offsetof(sockaddr_un, sun_path) + 1;
  return (is_named ? std::string(path.sun_path) : std::string()) + ":0";
}

}  // namespace

Upstream& Server::own_link(Link name) {
  auto& upstream = links_[{Link::Kind::own, 0, name.client}];
  if (!upstream) {
    const auto* session = find(name.client);
    const auto resp = session != nullptr ? session->client.resp : protocol::Resp::v3;
    const bool is_sidecars = !has_identity(name);
    const auto ready = std::find_if(pool_.begin(), pool_.end(), [&](const auto& pooled) {
      return is_sidecars && pooled->resp() == resp;
    });
    if (ready != pool_.end()) {
      upstream = *ready;
      pool_.erase(ready);
      upstream->lend(name);
    } else {
      upstream = std::make_shared<Upstream>(*this, name, resp);
    }
  }
  upstream->select(name.db);  // First: a subscriber that speaks RESP2 may not.
  if (const auto* session = find(name.client)) upstream->speak(session->client.resp);
  return *upstream;
}

bool Server::has_identity(Link name) const {
  const auto* session = name.kind == Link::Kind::own ? find(name.client) : nullptr;
  return session != nullptr && session->client.identity;
}

policies::Credentials Server::login_of(Link name) const {
  return has_identity(name) ? *find(name.client)->client.identity : settings_.upstream_login;
}

void Server::own_idle(Upstream& upstream) {
  idle_.push_back(upstream.shared_from_this());
  begin_turn();
}

/// Nothing of the client may be left in it: no transaction, no WATCH, no subscription.
void Server::give_back(const std::shared_ptr<Upstream>& upstream) {
  const auto mine = links_.find({Link::Kind::own, 0, upstream->link().client});
  if (mine == links_.end() || mine->second != upstream || !upstream->is_idle()) return;
  if (const auto* session = find(upstream->link().client)) {
    const auto& client = session->client;
    const bool in_use = client.open > 0 && client.link.kind == Link::Kind::own;
    const bool has_state = client.in_multi || client.watching || client.tracking ||
                           client.keeps_own || client.identity || !client.own_error.empty() ||
                           session->in_tunnel();
    if (in_use || has_state) return;
  }
  links_.erase(mine);
  if (pool_.size() >= most_pooled) return dropped_.push_back(upstream);
  upstream->lend({Link::Kind::own, 0, 0});
  upstream->rest_since(turn_.now);
  pool_.push_back(upstream);
}

/// The least recently used ones go first; they are at the front.
void Server::end_pooled() {
  if (pool_.empty()) return;
  if (turn_.now - pool_.front()->resting_since() < longest_in_pool) return;
  dropped_.push_back(pool_.front());
  pool_.erase(pool_.begin());
}

void Server::drop_own(ClientId client) {
  // Out of the map at once, so that the next transaction gets a new one; closed after this call.
  const auto at = links_.find({Link::Kind::own, 0, client});
  if (at == links_.end()) return;
  at->second->end_tunnel();
  dropped_.push_back(std::move(at->second));
  links_.erase(at);
  begin_turn();
}

void Server::begin_stream(const policies::Forward& way, ClientId client, std::uint64_t number) {
  auto& upstream = own_link(way.link);
  upstream.forward(client, number, way, true);
  upstream.begin_stream();
}

bool Server::stream_on(ClientId client, std::string_view piece, bool is_last) {
  const auto at = links_.find({Link::Kind::own, 0, client});
  // When the link was lost the request has been answered, and the rest of it goes nowhere.
  return at != links_.end() && at->second->stream_on(piece, is_last);
}

void Server::stream_room(ClientId client) {
  auto* session = find(client);
  if (session == nullptr || !session->unstall()) return;
  roomy_.push_back(session->shared_from_this());
  begin_turn();
}

bool Server::is_slow(ClientId client, std::shared_ptr<Upstream> upstream) {
  auto* session = find(client);
  if (session == nullptr || session->backlog() < settings_.limits.max_output_bytes.value / 4) {
    return false;
  }
  session->mark_slow(turn_.now + longest_slow);
  if (upstream->link().kind != Link::Kind::own) retire(upstream);
  paused_.emplace(client, std::move(upstream));
  return true;
}

/// Others need not wait for a slow client: they go on over a new connection, as soon as what they
/// asked of this one is answered, or has taken too long.
void Server::retire(const std::shared_ptr<Upstream>& upstream) {
  const auto at = links_.find(upstream->link());
  if (at == links_.end() || at->second != upstream) return;
  links_.erase(at);
  last_link_ = {};
  upstream->for_each_client([this](ClientId client) {
    if (auto* session = find(client)) session->client.settles = session->client.open > 0;
  });
  retired_.push_back(upstream);
  if (upstream->link().kind != Link::Kind::lane) return;
  pipeline_.replace_lane(turn_.now);
  if (upstream->link() == first_lane()) link(first_lane()).connect();
}

/// Another server may have the address of the primary now; what is under way stays where it is. Not
/// again and again, where upstream is a replica on purpose.
void Server::replace_shared_links() {
  demoted_ = false;
  if (turn_.now - demoted_at_ < policies::seconds(1)) return;
  demoted_at_ = turn_.now;
  std::vector<std::shared_ptr<Upstream>> shared;
  for (const auto& [name, upstream] : links_) {
    if (name.kind != Link::Kind::own) shared.push_back(upstream);
  }
  for (const auto& upstream : shared) retire(upstream);
  for (auto& pooled : std::exchange(pool_, {})) dropped_.push_back(std::move(pooled));
}

void Server::end_retired() {
  std::erase_if(retired_, [this](const auto& upstream) {
    upstream->tick(turn_.now);
    if (upstream->state() == Upstream::State::ready && !upstream->has_replies_due()) {
      dropped_.push_back(upstream);
    } else if (upstream->state() == Upstream::State::ready) {
      return false;
    }
    return true;
  });
}

void Server::read_on(ClientId client) {
  const auto [begin, end] = paused_.equal_range(client);
  for (auto at = begin; at != end; ++at) {
    if (auto upstream = at->second.lock()) unpaused_.push_back(std::move(upstream));
  }
  paused_.erase(begin, end);
  begin_turn();
}

std::int64_t Server::upstream_id(ClientId client) {
  const auto at = links_.find({Link::Kind::own, 0, client});
  return at == links_.end() ? 0 : at->second->id();
}

policies::ConnectionFacts Server::connection(ClientId client) {
  auto* session = find(client);
  if (session == nullptr) return {};
  policies::ConnectionFacts facts;
  facts.descriptor = session->socket_.native_handle();
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  auto* raw = reinterpret_cast<sockaddr*>(&address);
  if (::getsockname(facts.descriptor, raw, &size) == 0)
    facts.local_address = name_of(address, size);
  facts.unix_socket = address.ss_family == AF_UNIX;
  size = sizeof address;
  if (facts.unix_socket) {
    facts.address = facts.local_address;  // Its clients have no name.
  } else if (::getpeername(facts.descriptor, raw, &size) == 0) {
    facts.address = name_of(address, size);
  }
  facts.unused = session->rest_.size();
  facts.unsent = session->out_.size();
  facts.subscribed = session->in_tunnel();
  return facts;
}

void Server::warn_of_attack(ClientId client) {
  if (turn_.now - warned_at_ < policies::seconds(10)) return;
  warned_at_ = turn_.now;
  log::warning("cross_protocol", {{"from", connection(client).address}});
}

void Server::close(ClientId client, bool at_once) {
  begin_turn();
  if (at_once) return killed_.push_back(client);
  if (auto* session = find(client)) session->close_when_answered("killed");
}

ClientId Server::open_loader(std::uint32_t db) { return loading_.open ? loading_.open(db) : 0; }

void Server::drop_loader(ClientId loader) { loading_.drop(loader); }

void Server::load(policies::OriginLoad load) { loading_.load(std::move(load)); }

void Server::push_to(ClientId client, std::string_view push) {
  if (auto* session = find(client)) session->push(pipeline_.push_to(push));
}

}  // namespace pannier::proxy
