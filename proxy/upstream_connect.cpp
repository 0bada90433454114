// How a link comes up: connect, then the handshake that every reply of which is checked.

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cctype>

#include "policies/clock_floor.hpp"
#include "protocol/reply.hpp"
#include "proxy/errors.hpp"
#include "proxy/keep_alive.hpp"
#include "proxy/log.hpp"
#include "proxy/server.hpp"
#include "proxy/tls.hpp"
#include "proxy/upstream.hpp"

namespace pannier::proxy {

using asio::ip::tcp;

namespace {

/// The text of an error reply without its type and line end.
std::string_view error_text(std::string_view reply) {
  protocol::ReplyReader reader(reply);
  return reader.next().text;
}

}  // namespace

void Upstream::connect() {
  state_ = State::connecting;
  if (link_ == server_.first_lane()) server_.pipeline().probe_upstream();
  answered_ = false;
  deadline_ = server_.turn().now + server_.settings().upstream.connect_timeout;
  const auto& address = server_.upstream_url().address;
  const auto done = [self = shared_from_this(),
                     at = ++generation_](boost::system::error_code error) {
    if (at == self->generation_) self->on_connected(error);
  };
  if (address.is_unix()) {
    return socket_.async_connect(asio::local::stream_protocol::endpoint(address.path), done);
  }
  boost::system::error_code not_numeric;
  const auto ip = asio::ip::make_address(address.host, not_numeric);
  if (!not_numeric) return socket_.async_connect(tcp::endpoint(ip, address.port), done);
  auto resolver = std::make_shared<asio::ip::basic_resolver<tcp, Executor>>(server_.loop());
  resolver->async_resolve(
      address.host, std::to_string(address.port),
      [self = shared_from_this(), resolver, at = generation_](
          boost::system::error_code error, const tcp::resolver::results_type& found) {
        if (at != self->generation_) return;
        if (error) return self->on_connected(error);
        self->endpoints_.clear();
        for (const auto& entry : found) self->endpoints_.emplace_back(entry.endpoint());
        self->connect_next(asio::error::host_not_found);
      });
}

/// A name may stand for several addresses; the first that answers is taken.
void Upstream::connect_next(boost::system::error_code error) {
  if (endpoints_.empty()) return on_connected(error);
  const auto endpoint = endpoints_.front();
  endpoints_.erase(endpoints_.begin());
  boost::system::error_code ignored;
  socket_.close(ignored);
  socket_.async_connect(
      endpoint, [self = shared_from_this(), at = generation_](boost::system::error_code result) {
        if (at != self->generation_) return;
        if (result) return self->connect_next(result);
        self->endpoints_.clear();
        self->on_connected(result);
      });
}

void Upstream::on_connected(boost::system::error_code error) {
  server_.begin_turn();
  if (error) return fail(error.message());
  if (!server_.upstream_url().address.is_unix()) {
    socket_.set_option(tcp::no_delay(true), error);
    keep_alive(socket_);
    // Not below op_timeout: a Redis that is busy that long reads nothing meanwhile.
    limit_silence(socket_, std::max<policies::milliseconds>(
                               std::chrono::seconds(2), server_.settings().upstream.op_timeout));
  }
  tls_ = server_.tls_to_upstream();
  if (!tls_) return shake_hands();
  tls_->start(socket_.native_handle());
  arm_read();  // The state stays: nothing is written before the peer is known.
}

void Upstream::end_tls() {
  if (tls_) tls_->close(socket_.native_handle());
  tls_.reset();
}

/// Leaves nothing of the connection but the slots.
void Upstream::disconnect() {
  ++generation_;
  end_tls();
  boost::system::error_code ignored;
  socket_.close(ignored);
  read_armed_ = write_armed_ = false;
  scanner_ = {};
  rest_.clear();
  out_.clear();
  waiting_.clear();
  scanned_ = 0;
  end_stream();
}

void Upstream::shake_hands() {
  const bool is_3 = resp_ == protocol::Resp::v3;
  std::string wire;
  std::vector<Step> steps;
  // HELLO is answered while a script is busy, too, and says what this connection is called.
  const std::string_view version = is_3 ? "3" : "2";
  const auto login = server_.login_of(link_);
  if (login.password.empty() && login.user.empty()) {
    protocol::append_command(wire, {"HELLO", version});
  } else {
    const std::string user = login.user.empty() ? "default" : login.user;
    protocol::append_command(wire, {"HELLO", version, "AUTH", user, login.password});
  }
  steps.push_back(Step::hello);
  if (db_ != 0) {
    protocol::append_command(wire, {"SELECT", std::to_string(db_)});
    steps.push_back(Step::required);
  }
  if (link_.kind == policies::Link::Kind::lane) {
    protocol::append_command(wire, {"CLIENT", "TRACKING", "ON", "OPTIN"});
    protocol::append_command(wire, {"TIME"});
    protocol::append_command(wire, {"CONFIG", "GET", "databases"});
    steps.push_back(Step::tracking);
    steps.push_back(Step::time);
    steps.push_back(Step::databases);
  }
  steps_ = std::move(steps);
  server_info_ = {};
  // The handshake goes first, whatever is waiting behind it.
  waiting_ = std::move(out_.bytes());
  out_.clear();
  out_.bytes() = std::move(wire);
  state_ = State::handshaking;
  flush();
  arm_read();
}

void Upstream::settle_handshake(std::string_view reply) {
  answered_ = true;
  protocol::ReplyReader reader(reply);
  const auto head = reader.next();
  const auto step = steps_.front();
  steps_.erase(steps_.begin());
  if (head.error()) {
    if (step == Step::hello || step == Step::required) {
      // A client that named itself is told in upstream's own words.
      refusal_ = server_.has_identity(link_) ? reply : std::string_view();
      return fail(error_text(reply));
    }
    if (step == Step::tracking) {
      server_info_.tracks = false;
      server_info_.untracked_because = head.text;
    }
  } else if (step == Step::hello) {
    for (std::int64_t i = 0; i + 1 < head.number; i += 2) {
      const auto name = reader.next().text;
      const auto value = protocol::ReplyReader(reader.skip()).next();
      if (name == "version") server_info_.version = value.text;
      if (name == "id") id_ = value.number;
      if (name == "role") server_info_.is_replica = value.text != "master";
      // Its MOVED would reach clients that do not know what to do with it.
      if (name == "mode" && value.text == "cluster") {
        return fail("a node of a Redis Cluster, which is not supported yet");
      }
    }
  } else if (step == Step::databases && head.number == 2) {
    reader.next();
    const auto count = protocol::to_integer(reader.next().text);
    if (count && *count > 0) server_info_.databases = static_cast<std::uint32_t>(*count);
  }
  if (step == Step::time) server_info_.time = policies::ClockFloor::parse(reply);
  if (steps_.empty()) ready();
}

void Upstream::ready() {
  state_ = State::ready;
  pause_ = policies::milliseconds(0);
  out_.bytes() += waiting_;
  waiting_.clear();
  for (auto& slot : slots_) slot.sent = server_.turn().now;
  server_.write_later(*this, dirty_);
  server_.link_ready(*this, server_info_);
}

void Upstream::fail(std::string_view why) {
  std::string reason(why);
  // "Connection refused" reads better in the middle of a sentence; "LOADING Redis ..." stays.
  if (reason.size() > 1 && std::islower(static_cast<unsigned char>(reason[1]))) {
    reason[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(reason[0])));
  }
  disconnect();
  const auto& settings = server_.settings().upstream;
  // Full jitter: sidecars that lost Redis together do not come back together.
  pause_ =
      std::min(settings.reconnect_max, pause_.count() == 0 ? settings.reconnect_min : pause_ * 2);
  retry_at_ = server_.turn().now + server_.random_share(pause_);
  state_ = State::failed;
  last_error_ = refusal_.empty() ? errors::down(server_.upstream_name(), reason) : refusal_;
  refusal_.clear();
  fail_slots(last_error_);
  if (tunnel_ != 0) refuse_tunnel();
  server_.link_lost(*this, last_error_, reason);
}

}  // namespace pannier::proxy
