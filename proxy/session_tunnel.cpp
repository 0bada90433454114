// A client in subscriber mode or MONITOR: everything passes both ways as it is.

#include "protocol/command_table.hpp"
#include "proxy/server.hpp"
#include "proxy/session.hpp"

namespace pannier::proxy {

bool Session::may_end_tunnel(const protocol::Command& command) {
  using protocol::Verb;
  const auto* spec = protocol::find_command(command.name());
  if (spec == nullptr) return false;
  return spec->verb == Verb::unsubscribe || spec->verb == Verb::punsubscribe ||
         spec->verb == Verb::sunsubscribe;
}

void Session::await_tunnel() {
  held_ = awaiting_ = true;
  server_.tunnel_on(*this, {}, true);
}

bool Session::take_in_tunnel(const protocol::Command& command) {
  // What went past the tunnel is answered before anything else goes into it.
  if (awaiting_ || queue_.head() != client.next) return false;
  const auto* spec = protocol::find_command(command.name());
  using protocol::Verb;
  const auto verb = spec == nullptr ? Verb::other : spec->verb;
  if (verb == Verb::reset || verb == Verb::quit) {
    // First what was asked before it is answered; then it is decided without the tunnel.
    leaving_ = true;
    await_tunnel();
    return false;
  }
  // In RESP3 a subscribed client may do anything, and what it is called is known here only.
  const bool is_local = spec != nullptr && spec->route == protocol::Route::local &&
                        verb != Verb::ping && client.resp == protocol::Resp::v3;
  if (is_local && !tunnel_quiet_) {
    await_tunnel();
    return false;
  }
  if (is_local) return take_outside(command);
  tunnel_quiet_ = false;
  server_.tunnel_on(*this, command.wire, false);
  if (may_end_tunnel(command)) await_tunnel();
  return true;
}

void Session::tunnel(std::string_view bytes) {
  if (closed_) return;
  out_.bytes() += bytes;
  server_.write_later(*this, dirty_);
}

}  // namespace pannier::proxy
