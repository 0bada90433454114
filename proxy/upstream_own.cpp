// What only a client's own link does: databases and protocols, tunnels, large requests.

#include "protocol/command_table.hpp"
#include "protocol/reply.hpp"
#include "proxy/errors.hpp"
#include "proxy/server.hpp"
#include "proxy/upstream.hpp"

namespace pannier::proxy {

namespace {

/// Sent behind an UNSUBSCRIBE: its echo says that all before it has been answered.
constexpr std::string_view tunnel_marker = "pannier:end-of-unsubscribe";
constexpr std::string_view monitor = "*1\r\n$7\r\nmonitor\r\n";

}  // namespace

void Upstream::ask(std::initializer_list<std::string_view> words) {
  if (state_ == State::idle || state_ == State::connecting) return;
  std::string command;
  protocol::append_command(command, words);
  send(our_own, 1, command);
}

void Upstream::speak(protocol::Resp resp) {
  if (resp == resp_) return;
  resp_ = resp;
  ask({"HELLO", resp == protocol::Resp::v3 ? "3" : "2"});
}

void Upstream::select(std::uint32_t db) {
  if (db == db_) return;
  db_ = db;
  ask({"SELECT", std::to_string(db)});
}

void Upstream::tunnel(policies::ClientId client, std::string_view wire) {
  tunnel_ = client;
  was_tunnel_ = true;
  monitors_ = protocol::equals_nocase(wire, monitor);
  pending() += wire;
  server_.write_later(*this, dirty_);
  if (state_ == State::failed) refuse_tunnel();
  if (state_ == State::idle) connect();
}

/// The client reads why before it is closed.
void Upstream::refuse_tunnel() {
  const auto client = tunnel_;
  server_.tunnel_to(client, last_error_);
  server_.close_session(client, "upstream unavailable");
}

void Upstream::tunnel_on(std::string_view wire) {
  if (protocol::equals_nocase(wire, monitor)) monitors_ = true;
  pending() += wire;
  server_.write_later(*this, dirty_);
}

void Upstream::tunnel_mark(bool in_multi) {
  std::string ask;
  // In a transaction PING would be queued; a command that does not exist is answered at once.
  if (in_multi) {
    protocol::append_command(ask, {tunnel_marker});
  } else {
    protocol::append_command(ask, {"PING", tunnel_marker});
  }
  tunnel_on(ask);
}

void Upstream::pass_through_tunnel(std::string_view reply) {
  protocol::ReplyReader reader(reply);
  const auto head = reader.next();
  const bool is_list = (head.kind == '>' || head.kind == '*') && head.number > 0;
  const auto what = is_list ? reader.next().text : head.text;
  const bool is_pong = is_list && what == "pong" && head.number == 2;
  const bool is_unknown = head.kind == '-' && head.text.find(tunnel_marker) != head.text.npos;
  if (is_unknown || (is_pong ? reader.next().text : what) == tunnel_marker) {
    const auto client = tunnel_;
    const bool ended = subscriptions_ == 0 && shard_subscriptions_ == 0 && !monitors_;
    if (ended) tunnel_ = 0;
    return server_.tunnel_answered(client, ended);
  }
  if (is_list && head.number == 3 && what.ends_with("subscribe")) {
    reader.skip();
    const bool of_shards = what == "ssubscribe" || what == "sunsubscribe";
    (of_shards ? shard_subscriptions_ : subscriptions_) = reader.next().number;
  }
  server_.tunnel_to(tunnel_, reply);
}

void Upstream::begin_stream() {
  if (state_ == State::failed || slots_.empty()) return;  // It has been answered.
  taking_ = true;
  slots_.back().may_block = true;  // Nobody knows how long the client takes.
}

bool Upstream::stream_on(std::string_view piece, bool is_last) {
  if (!taking_) return false;
  pending() += piece;
  server_.write_later(*this, dirty_);
  if (is_last) {
    taking_ = false;
    if (!slots_.empty()) {
      slots_.back().may_block = false;
      slots_.back().sent = server_.turn().now;
    }
  }
  return unsent() > most_unsent;
}

void Upstream::end_stream() {
  paused_ = false;
  if (!taking_) return;
  taking_ = false;
  server_.stream_room(link_.client);
}

void Upstream::read_on() {
  if (!paused_) return;
  paused_ = false;
  for (auto& slot : slots_) slot.sent = server_.turn().now;
  if (state_ == State::ready) arm_read();
}

}  // namespace pannier::proxy
