#include "proxy/server.hpp"

#include <boost/asio/post.hpp>
#include <stdexcept>

#include "proxy/admin_actions.hpp"
#include "proxy/errors.hpp"
#include "proxy/log.hpp"

namespace pannier::proxy {

using policies::ClientId;
using policies::Link;

namespace {

constexpr unsigned place_bits = 20;
constexpr std::uint64_t ticks_per_trim = 1'000;  ///< Ten seconds.
constexpr ClientId place_mask = (ClientId{1} << place_bits) - 1;

/// As Redis limits a client that must AUTH first.
protocol::Limits limits_before_auth() {
  protocol::Limits limits;
  limits.request_bytes = 1u << 20;
  limits.arguments = 10;
  limits.bulk = 16u << 10;
  limits.is_authenticated = false;
  return limits;
}

/// The credentials are the URL's, for policies to compare with what clients say.
policies::Settings with_login(policies::Settings settings) {
  const auto url = parse_upstream_url(settings.upstream.url);
  if (url) settings.upstream_login = {url->user, url->password};
  if (url) settings.upstream_db = url->db;
  return settings;
}

protocol::Limits limits_of(const policies::Settings& settings) {
  protocol::Limits limits;
  limits.request_bytes = settings.limits.max_request_bytes.value;
  return limits;
}

}  // namespace

Server::Server(Loop& loop, policies::Settings settings)
    : loop_(loop),
      settings_(with_login(std::move(settings))),
      parser_limits_(limits_of(settings_)),
      limits_of_anyone_(limits_before_auth()),
      upstream_url_(*parse_upstream_url(settings_.upstream.url)),
      pipeline_(settings_, *this, monotonic_now(), wall_now()),
      ticker_(loop),
      random_(std::random_device{}()) {
  turn_.now = monotonic_now();
  std::random_device device;
  pipeline_.set_name(std::to_string(device()) + "-" + std::to_string(device()));
  if (const auto wrong = load_tls(); !wrong.empty()) throw std::runtime_error(wrong);
}

Server::~Server() = default;

void Server::start() {
  link(first_lane()).connect();
  tick();
}

void Server::tick() {
  begin_turn();
  load_.tick(turn_.now, processor_time(), policies::Pipeline::tick_interval);
  pipeline_.tick(turn_.now);
  std::vector<std::shared_ptr<Upstream>> links;
  for (const auto& [name, upstream] : links_) links.push_back(upstream);
  for (const auto& upstream : links) upstream->tick(turn_.now);
  end_pooled();
  end_retired();
  // One client in sixteen per tick: an unfinished command is found within a fraction of a second.
  static_assert(policies::Pipeline::tick_interval.count() == 10);
  for (std::size_t i = ticks_++ % 16; i < sessions_.size(); i += 16) {
    if (const auto session = sessions_[i]) session->check_limits(turn_.now);
  }
  watch_memory();
  log_state();
  if (ticks_ % ticks_per_trim == 0) give_memory_back();
  ticker_.expires_after(policies::Pipeline::tick_interval);
  ticker_.async_wait([this](boost::system::error_code error) {
    if (!error) tick();
  });
}

policies::milliseconds Server::random_share(policies::milliseconds most) {
  std::uniform_int_distribution<std::int64_t> any(0, most.count());
  return policies::milliseconds(any(random_));
}

// Sessions

void Server::accept(Socket socket, std::unique_ptr<Tls> tls) {
  begin_turn();
  std::uint32_t place = 0;
  if (!free_places_.empty()) {
    place = free_places_.back();
    free_places_.pop_back();
  } else {
    place = static_cast<std::uint32_t>(sessions_.size());
    sessions_.emplace_back();
  }
  const ClientId id = (++serial_ << place_bits) | place;
  ++counters_.accepted;
  ++connected_;
  auto session = std::make_shared<Session>(*this, std::move(socket), std::move(tls), id);
  sessions_[place] = session;
  pipeline_.open(session->client);
  session->start();
}

Session* Server::find(ClientId client) const {
  const auto place = client & place_mask;
  if (place >= sessions_.size()) return nullptr;
  auto* session = sessions_[place].get();
  return session != nullptr && session->client.id == client ? session : nullptr;
}

void Server::closed(Session& session, std::string_view why) {
  begin_turn();
  const auto place = session.client.id & place_mask;
  ++counters_.closed[std::string(why)];
  --connected_;
  pipeline_.close(session.client, turn_.now);
  drop_own(session.client.id);
  read_on(session.client.id);
  const auto kept = std::move(sessions_[place]);  // Alive until its own call returns.
  free_places_.push_back(static_cast<std::uint32_t>(place));
  asio::post(loop_, [kept] {});
}

void Server::close_session(ClientId client, std::string_view why) {
  if (auto* session = find(client)) {
    session->closing_ = true;
    session->flush();
    session->close(why);
  } else {
    receive(client, {});
  }
}

void Server::forward(const policies::Forward& way, ClientId client, std::uint64_t number,
                     bool alone) {
  // One's own may go back to the pool, and may be in another database.
  if (way.link.kind == Link::Kind::own) return link(way.link).forward(client, number, way, alone);
  if (last_link_.second == nullptr || last_link_.first != way.link) {
    last_link_ = {way.link, &link(way.link)};
  }
  last_link_.second->forward(client, number, way, alone);
}

void Server::tunnel_from(Session& session, const policies::Tunnel& way) {
  link(way.link).tunnel(session.client.id, way.wire);
}

void Server::tunnel_on(Session& session, std::string_view wire) {
  link({Link::Kind::own, session.client.db, session.client.id}).tunnel_on(wire);
}

void Server::tunnel_mark(Session& session, bool in_multi) {
  link({Link::Kind::own, session.client.db, session.client.id}).tunnel_mark(in_multi);
}

void Server::act(Session& session, std::uint64_t number, const protocol::Command& command) {
  const auto reply = actions_->run(session.client, command.args, turn_.now);
  log_state();
  if (!reply) return;
  std::string bytes;
  reply->append_to(bytes, session.client.resp);
  session.reply(number, 1, bytes);
}

policies::Client& Server::open_caller(Receive receive) {
  auto caller = std::make_unique<Caller>();
  // Beyond every session's place, so that no session is ever found under it.
  caller->client.id = (++serial_ << place_bits) | place_mask;
  caller->client.resp = protocol::Resp::v3;
  caller->client.internal = true;
  caller->receive = std::move(receive);
  auto& client = caller->client;
  callers_.emplace(client.id, std::move(caller));
  pipeline_.open(client);
  return client;
}

void Server::close_caller(policies::Client& caller) {
  begin_turn();
  pipeline_.close(caller, turn_.now);
  callers_.erase(caller.id);
}

bool Server::receive(ClientId client, std::string_view reply) {
  const auto caller = callers_.find(client);
  if (caller == callers_.end()) return false;
  // What it does may end it.
  const auto call = caller->second->receive;
  call(reply);
  return true;
}

void Server::tunnel_for(policies::Client& caller, std::string_view wire) {
  begin_turn();
  link({Link::Kind::own, caller.db, caller.id}).tunnel(caller.id, wire);
}

void Server::tunnel_on_for(policies::Client& caller, std::string_view wire) {
  begin_turn();
  link({Link::Kind::own, caller.db, caller.id}).tunnel_on(wire);
}

void Server::reload(policies::Settings settings) {
  settings.listen = settings_.listen;
  settings.listen_unix = settings_.listen_unix;
  settings.listen_tls = settings_.listen_tls;
  settings.admin.listen = settings_.admin.listen;
  settings.admin.allowed_hosts = settings_.admin.allowed_hosts;
  settings.upstream.url = settings_.upstream.url;
  settings_ = with_login(std::move(settings));
  parser_limits_ = limits_of(settings_);
  if (const auto wrong = load_tls(); !wrong.empty()) log::error("tls_files", {{"text", wrong}});
  pipeline_.reload(settings_);
}

void Server::farewell() {
  begin_turn();
  const auto text = errors::drain();
  for (const auto& session : std::vector(sessions_)) {
    if (!session) continue;
    session->tunnel(text);
    session->flush();
    session->close("shutdown");
  }
}

}  // namespace pannier::proxy
