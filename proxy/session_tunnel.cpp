// A client in subscriber mode or MONITOR: everything passes both ways as it is.

#include "protocol/command_table.hpp"
#include "protocol/reply.hpp"
#include "proxy/errors.hpp"
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
  server_.tunnel_mark(*this, tunnel_multi_);
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
                        verb != Verb::ping && verb != Verb::echo &&
                        client.resp == protocol::Resp::v3;
  if (is_local && !tunnel_quiet_) {
    await_tunnel();
    return false;
  }
  if (is_local) return tunnel_multi_ ? refuse_in_tunnel(command) : take_outside(command);
  pass_into_tunnel(command);
  const bool ends_multi = tunnel_multi_ && (verb == Verb::exec || verb == Verb::discard);
  if (verb == Verb::multi && command.args.size() == 1 && client.resp == protocol::Resp::v3) {
    tunnel_multi_ = true;
  }
  if (ends_multi) tunnel_multi_ = false;
  // Inside a transaction only its EXEC tells whether a subscription is left.
  if (ends_multi || (may_end_tunnel(command) && !tunnel_multi_)) await_tunnel();
  return true;
}

/// In a transaction of a subscribed client: what asks for the end of the tunnel's replies has
/// aborted it.
bool Session::refuse_in_tunnel(const protocol::Command& command) {
  if (client.reply_off) muted_.insert(client.next);
  reply(client.next++, 1, errors::in_tunnel(protocol::find_command(command.name())->name));
  return true;
}

void Session::pass_into_tunnel(const protocol::Command& command) {
  tunnel_quiet_ = false;
  if (client.reply_skip > 0) {
    // Upstream knows best which replies are pushes, and shown all the same.
    client.reply_skip = 0;
    std::string skip;
    protocol::append_command(skip, {"CLIENT", "REPLY", "SKIP"});
    server_.tunnel_on(*this, skip);
  }
  server_.tunnel_on(*this, command.wire);
}

void Session::tunnel(std::string_view bytes) {
  if (closed_) return;
  out_.bytes() += bytes;
  server_.write_later(*this, dirty_);
}

}  // namespace pannier::proxy
