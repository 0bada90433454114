// A session's socket: when it is read, and what is kept of what it brought.

#include <cerrno>

#include "proxy/server.hpp"
#include "proxy/session.hpp"
#include "proxy/tls.hpp"

namespace pannier::proxy {

using boost::system::error_code;

void Session::start() { arm(); }

void Session::arm() {
  if (armed_ || closed_ || ended_) return;
  armed_ = true;
  socket_.async_wait(Socket::wait_read, [self = shared_from_this()](error_code error) {
    self->armed_ = false;
    if (error || self->closed_) return;
    self->server_.begin_read();
    self->on_readable();
    self->server_.end_read();
  });
}

void Session::on_readable() {
  auto& turn = server_.turn();
  if (held_ || stalled_ || too_much_open()) return;  // proceed() reads on.
  auto received = receive(turn, socket_.native_handle(), tls_.get(), rest_);
  if (received.got < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
      if (tls_ && tls_->unsent() && !write_armed_) arm_write();
      return arm();
    }
    return close("client_reset");
  }
  if (received.got == 0) return on_end();
  keep(take_commands(received.bytes), received.large);
  if (tls_ && tls_->ended() && !closed_) return on_end();
  if (!closed_ && !held_ && !stalled_ && !closing_ && !too_much_open()) arm();
}

/// Half closed: what it asked for is still answered.
void Session::on_end() {
  ended_ = true;
  const bool waits_for_data =
      client.may_block && client.open > 0 && client.link.kind == policies::Link::Kind::own;
  if (idle() || tunnel_ || stream_ || waits_for_data) return close("client_closed");
  server_.visit_later(*this);
}

void Session::keep(std::string_view rest, std::string& all) {
  if (rest.empty()) {
    parser_.release();
    if (rest_.capacity() > 4096) std::string().swap(rest_);
    return;
  }
  rest_since_ = server_.turn().now;
  if (rest.size() == all.size() && rest.data() == all.data()) {
    rest_ = std::move(all);
  } else {
    // A large value is known to come: make room for it once.
    if (parser_.missing() > rest_.capacity()) rest_.reserve(rest.size() + parser_.missing());
    rest_.assign(rest);
  }
}

}  // namespace pannier::proxy
