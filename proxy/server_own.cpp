// Upstream connections that are one client's for a while, and what clients ask about connections.

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>

#include "proxy/server.hpp"

namespace pannier::proxy {

using policies::ClientId;
using policies::Link;

namespace {

constexpr std::size_t most_pooled = 64;
constexpr policies::seconds longest_in_pool{30};

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
    const auto ready = std::find_if(pool_.begin(), pool_.end(),
                                    [&](const auto& pooled) { return pooled->resp() == resp; });
    if (ready != pool_.end()) {
      upstream = *ready;
      pool_.erase(ready);
      upstream->lend(name);
    } else {
      upstream = std::make_shared<Upstream>(*this, name, resp);
    }
  }
  if (const auto* session = find(name.client)) upstream->speak(session->client.resp);
  upstream->select(name.db);
  return *upstream;
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
                           client.keeps_own || !client.own_error.empty() || session->in_tunnel();
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

void Server::close(ClientId client, bool at_once) {
  begin_turn();
  if (at_once) return killed_.push_back(client);
  if (auto* session = find(client)) session->close_when_answered("killed");
}

void Server::push_to(ClientId client, std::string_view push) {
  if (auto* session = find(client)) session->push(push);
}

}  // namespace pannier::proxy
