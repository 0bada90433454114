#include "proxy/session.hpp"

#include <variant>

#include "protocol/command_table.hpp"
#include "protocol/reply.hpp"
#include "proxy/log.hpp"
#include "proxy/server.hpp"
#include "proxy/tls.hpp"

namespace pannier::proxy {

using boost::system::error_code;
using policies::Answer;
using policies::Forward;
using policies::Hold;
using policies::Tunnel;

namespace {

constexpr std::size_t stream_from = 1u << 20;  ///< Larger requests go on while they come.

}  // namespace

Session::Session(Server& server, Socket socket, std::unique_ptr<Tls> tls, policies::ClientId id)
    : server_(server),
      socket_(std::move(socket)),
      tls_(std::move(tls)),
      parser_(server.parser_limits()),
      rest_since_(server.turn().now) {
  client.id = id;
}

Session::~Session() = default;

bool Session::has_output() const { return !out_.empty() || (tls_ && tls_->unsent()); }

bool Session::too_much_open() const {
  const auto& limits = server_.settings().limits;
  return server_.is_short_of_memory() || client.next - queue_.head() >= limits.max_pipeline.value ||
         queue_.held() >= limits.max_held_replies.value ||
         out_.size() >= limits.max_held_replies.value;
}

std::string_view Session::take_commands(std::string_view bytes) {
  while (!bytes.empty() && !closing_ && !closed_ && !held_) {
    if (stream_) {
      bytes = stream(bytes);
      if (stalled_) break;
      continue;
    }
    if (too_much_open()) break;
    parser_.use(client.authenticated ? server_.parser_limits() : server_.limits_of_anyone());
    protocol::Command command;
    const auto step = parser_.parse(bytes, command);
    if (step.status == protocol::CommandParser::Status::incomplete) {
      if (parser_.missing() < stream_from || keeps_large_) break;
      const auto large = take_large(bytes);
      if (large == Large::goes_on) return {};
      held_ = large == Large::waits;
      break;
    }
    keeps_large_ = false;
    if (step.status == protocol::CommandParser::Status::failed) {
      refuse(step);
      return {};
    }
    if (step.status == protocol::CommandParser::Status::complete && !take(command)) {
      held_ = true;
      break;
    }
    bytes.remove_prefix(step.consumed);
  }
  return closing_ || closed_ ? std::string_view() : bytes;
}

bool Session::take(const protocol::Command& command) {
  return tunnel_ ? take_in_tunnel(command) : take_outside(command);
}

bool Session::take_outside(const protocol::Command& command) {
  const auto number = client.next;
  const bool skipped = client.reply_skip == 1;
  // Its reply may come before decide() returns.
  if (client.reply_off || skipped) muted_.insert(number);
  auto verdict = server_.pipeline().decide(client, command, server_.turn().now);
  if (std::holds_alternative<Hold>(verdict)) {
    muted_.erase(number);
    return false;
  }
  if (auto* way = std::get_if<Tunnel>(&verdict)) {
    if (queue_.head() != number) return false;
    tunnel_ = true;
    tunnel_quiet_ = tunnel_multi_ = false;
    client.reply_skip = 0;  // What confirms it is a push.
    server_.tunnel_from(*this, *way);
    if (may_end_tunnel(command)) await_tunnel();
    return true;
  }
  if (client.reply_skip > 0) --client.reply_skip;
  const bool muted = client.reply_off || skipped;
  if (!muted && !muted_.empty()) muted_.erase(number);  // CLIENT REPLY ON, RESET
  if (muted && queue_.head() <= number) muted_.insert(number);
  // An action names its request by `client.next`, so it runs before that is counted up.
  if (std::holds_alternative<policies::Act>(verdict)) server_.act(*this, number, command);
  ++client.next;
  if (const auto* here = std::get_if<Answer>(&verdict)) {
    reply(number, 1, here->reply);
    if (here->close) {
      closing_ = true;
      server_.visit_later(*this);
    }
  } else if (const auto* way = std::get_if<Forward>(&verdict)) {
    server_.forward(*way, client.id, number, muted);
  }
  return true;
}

void Session::refuse(const protocol::CommandParser::Step& step) {
  // What came before it is still answered; an attack through another protocol gets no answer
  // itself.
  const auto text = protocol::error_text(step, server_.parser_limits());
  if (!text.empty()) return end_with(client.next++, protocol::error_reply(text));
  server_.warn_of_attack(client.id);
  close_when_answered("cross_protocol");
}

void Session::end_with(std::uint64_t number, std::string_view error) {
  close_when_answered("protocol_error");
  reply(number, 1, error);
}

void Session::reply(std::uint64_t number, std::uint64_t count, std::string_view bytes) {
  if (closed_) return;
  if (!muted_.empty() && muted_.erase(number) > 0) bytes = {};
  queue_.put(number, count, bytes, out_.bytes());
  if (!pushes_.empty() && !queue_.in_the_middle()) {
    out_.bytes() += pushes_;
    pushes_.clear();
  }
  if (held_ && queue_.head() == client.next) server_.resume(client.id);
  server_.write_later(*this, dirty_);
}

void Session::reply_part(std::uint64_t number, std::string_view bytes) {
  if (closed_ || muted_.contains(number)) return;
  queue_.put_part(number, bytes, out_.bytes());
  server_.write_later(*this, dirty_);
}

void Session::push(std::string_view bytes) {
  if (closed_) return;
  (queue_.in_the_middle() ? pushes_ : out_.bytes()) += bytes;
  server_.write_later(*this, dirty_);
}

void Session::close_when_answered(std::string_view why) {
  why_ = why;
  closing_ = true;
  server_.visit_later(*this);
}

void Session::proceed() {
  if (closed_ || closing_) return;
  held_ = false;
  if (too_much_open()) return;
  if (!rest_.empty()) {
    auto all = std::move(rest_);
    rest_.clear();
    keep(take_commands(all), all);
  }
  if (!closed_ && !closing_ && !held_ && !stalled_ && !too_much_open()) arm();
}

void Session::flush() {
  dirty_ = false;
  if (closed_) return;
  if (out_.size() > server_.settings().limits.max_output_bytes.value + Turn::read_size &&
      write_armed_) {
    return close("output_limit");
  }
  if (write_armed_) return;
  if (has_output() && !out_.send(socket_.native_handle(), tls_.get())) {
    return close("client_reset");
  }
  if (has_output()) {
    if (out_.size() > server_.settings().limits.max_output_bytes.value) {
      return close("output_limit");
    }
    return arm_write();
  }
  if (slow_reader_) {
    slow_reader_ = false;
    server_.read_on(client.id);
  }
  if (closing_ && queue_.head() == client.next) return close(why_);
  // Room again: read on where back-pressure had stopped it.
  if (!armed_ && !held_ && !stalled_) proceed();
  if (ended_ && queue_.head() == client.next && !held_ && out_.empty()) close("client_closed");
}

void Session::arm_write() {
  write_armed_ = true;
  socket_.async_wait(Socket::wait_write, [self = shared_from_this()](error_code error) {
    self->write_armed_ = false;
    if (error || self->closed_) return;
    self->server_.begin_turn();
    self->flush();
  });
}

void Session::check_limits(policies::TimePoint now) {
  if (!client.authenticated && now - client.since > server_.settings().auth.timeout) {
    return close("auth_timeout");
  }
  // While it waits for data nothing is read from it, so its end would not be seen.
  const bool waits =
      held_ && client.may_block && client.open > 0 && client.link.kind == policies::Link::Kind::own;
  if ((waits || (held_ && tunnel_)) && peer_is_gone(socket_.native_handle()))
    return close("client_closed");
  if (slow_reader_ && now > slow_until_) return close("output_limit");
  if (tls_ && !tls_->established()) {
    if (now - rest_since_ > server_.settings().tls.handshake_timeout) close("tls_handshake");
    return;
  }
  if (rest_.empty() || held_ || too_much_open()) return;
  const auto limit = server_.settings().limits.client_partial_timeout;
  if (limit.count() > 0 && now - rest_since_ > limit) close("partial_timeout");
}

void Session::close(std::string_view why) {
  if (closed_) return;
  closed_ = true;
  if (tls_) {
    if (!tls_->established()) why = "tls_handshake";
    if (!tls_->failure().empty()) log::info("tls_failed", {{"reason", tls_->failure()}});
    tls_->close(socket_.native_handle());
  }
  error_code ignored;
  socket_.close(ignored);
  server_.closed(*this, why);
}

}  // namespace pannier::proxy
