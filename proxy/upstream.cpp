#include "proxy/upstream.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <utility>

#include "protocol/reply.hpp"
#include "proxy/errors.hpp"
#include "proxy/server.hpp"
#include "proxy/tls.hpp"

namespace pannier::proxy {

namespace {

constexpr std::size_t stream_from = 16 * 1024;  ///< Larger replies are passed on in pieces.

}  // namespace

Upstream::Upstream(Server& server, policies::Link link, protocol::Resp resp)
    : server_(server), link_(link), resp_(resp), socket_(server.loop()), db_(link.db) {}

Upstream::~Upstream() = default;

Upstream::Slot& Upstream::push_slot(policies::ClientId client, std::uint64_t number,
                                    std::uint32_t count, bool merge) {
  const auto now = server_.turn().now;
  inflight_ += count;
  if (merge && !slots_.empty()) {
    auto& last = slots_.back();
    if (!last.alone && last.client == client && last.number + last.count == number &&
        last.sent == now) {
      last.count += count;
      return last;
    }
  }
  slots_.push_back({client, number, count, now});
  return slots_.back();
}

bool Upstream::fails_fast() const {
  return state_ != State::ready && slots_.empty() && server_.is_breaker_open();
}

void Upstream::forward(policies::ClientId client, std::uint64_t number,
                       const policies::Forward& way, bool alone) {
  if (fails_fast()) {
    return server_.answer_run(client, number, 1, server_.pipeline().core().down_error);
  }
  const auto limit = server_.settings().limits.max_inflight.value;
  if (state_ == State::failed || inflight_ >= limit) {
    const auto error = state_ == State::failed ? last_error_ : errors::busy(std::to_string(limit));
    return server_.answer_run(client, number, 1, error);
  }
  auto& slot = push_slot(client, number, 1, !alone && !way.may_block);
  slot.alone = alone || way.may_block;
  slot.may_block = way.may_block;
  pending() += way.wire;
  server_.write_later(*this, dirty_);
  if (state_ == State::idle) connect();
}

void Upstream::send(policies::ExchangeId exchange, std::uint32_t replies, std::string_view wire,
                    bool may_block) {
  if (state_ == State::failed) {
    if (exchange != our_own) server_.fail_later(exchange, last_error_);
    return;
  }
  if (exchange != our_own && fails_fast()) {
    return server_.fail_later(exchange, server_.pipeline().core().down_error);
  }
  push_slot(0, exchange, replies, false).may_block = may_block;
  pending() += wire;
  server_.write_later(*this, dirty_);
  if (state_ == State::idle) connect();
}

void Upstream::flush() {
  dirty_ = false;
  if (state_ != State::ready && state_ != State::handshaking) return;
  if (write_armed_ || (out_.empty() && !(tls_ && tls_->unsent()))) return;
  if (!out_.send(socket_.native_handle(), tls_.get())) {
    return server_.break_later(shared_from_this(), failure_of(tls_.get()));
  }
  if (!out_.empty() || (tls_ && tls_->unsent())) arm_write();
  if (taking_ && unsent() < most_unsent / 4) server_.stream_room(link_.client);
}

void Upstream::arm_write() {
  write_armed_ = true;
  socket_.async_wait(Socket::wait_write, [self = shared_from_this(),
                                          at = generation_](boost::system::error_code error) {
    if (at != self->generation_) return;
    self->write_armed_ = false;
    if (!error) self->flush();
  });
}

void Upstream::arm_read() {
  if (read_armed_ || paused_) return;
  read_armed_ = true;
  socket_.async_wait(Socket::wait_read, [self = shared_from_this(),
                                         at = generation_](boost::system::error_code error) {
    if (at != self->generation_) return;
    self->read_armed_ = false;
    if (!error) self->on_readable();
  });
}

void Upstream::on_readable() {
  auto received = receive(server_.turn(), socket_.native_handle(), tls_.get(), rest_);
  server_.begin_turn();  // Behind it: what upstream says of its clock is not of later than now.
  if (state_ == State::connecting && tls_->established()) {
    shake_hands();
    if (received.got < 0) return;
  }
  if (received.got == 0) return broken("connection closed by upstream");
  if (received.got < 0) {
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return arm_read();
    return broken(failure_of(tls_.get()));
  }
  const auto at = generation_;
  take_replies(received.bytes, received.large);
  if (at == generation_) arm_read();
}

void Upstream::take_replies(std::string_view bytes, std::string& all) {
  using Status = protocol::ReplyScanner::Status;
  const auto generation = generation_;
  std::size_t begin = 0, at = scanned_;
  scanned_ = 0;
  while (at < bytes.size()) {
    const auto step = scanner_.scan(bytes.substr(at));
    at += step.consumed;
    if (step.status == Status::failed) return broken("reply is not RESP");
    if (step.status == Status::incomplete) break;
    take_whole(bytes.substr(begin, at - begin));
    if (generation != generation_) return;
    begin = at;
  }
  flush_run();
  if (at - begin >= stream_from || streaming_) {
    if (stream(bytes.substr(begin, at - begin))) begin = at;
  }
  if (begin == 0 && bytes.size() == all.size() && bytes.data() == all.data()) {
    rest_ = std::move(all);
  } else {
    rest_.assign(bytes.substr(begin));
  }
  scanned_ = at - begin;
}

bool Upstream::stream(std::string_view piece) {
  if (slots_.empty() || slots_.front().client == 0 || scanner_.kind() == '>') return false;
  const bool scalar = scanner_.kind() == '$' || scanner_.kind() == '-';
  if (link_.kind == policies::Link::Kind::lane && !scalar) return false;
  streaming_ = true;
  server_.answer_part(slots_.front().client, slots_.front().number, piece);
  slots_.front().sent = server_.turn().now;  // It is on its way.
  paused_ = server_.is_slow(slots_.front().client, shared_from_this());
  return true;
}

void Upstream::take_whole(std::string_view reply) {
  if (state_ == State::handshaking) return settle_handshake(reply);
  // In a tunnel only our own SELECT has a slot, and all before it has been answered.
  if (tunnel_ != 0 && (slots_.empty() || scanner_.kind() == '>')) return pass_through_tunnel(reply);
  const char kind = scanner_.kind();
  if (kind == '>') {
    flush_run();
    if (link_.kind == policies::Link::Kind::lane) server_.invalidate(reply);
    if (link_.kind == policies::Link::Kind::own) server_.push_to(link_.client, reply);
    return;
  }
  if (slots_.empty()) return broken("a reply nobody asked for");
  if (kind == '-' && reply.starts_with("-READONLY ") && link_.kind != policies::Link::Kind::own) {
    server_.connect_anew();
  }
  const auto& slot = slots_.front();
  if (slot.client == 0) {
    const auto exchange = slot.number;
    finish_front(1);
    if (exchange == nobody) return;
    if (exchange == our_own) {
      // In another database than it should be nothing may run.
      if (kind == '-') broken("SELECT or HELLO was refused");
      return;
    }
    return server_.settle(exchange, reply);
  }
  // The rest of a value that was passed on while it came begins with any byte.
  const bool is_rest = std::exchange(streaming_, false);
  const bool scalar = kind == '$' || kind == ':' || kind == '+' || kind == '-';
  const bool plain = is_rest || (scalar && reply.front() != '|');
  if (!plain && link_.kind == policies::Link::Kind::lane && server_.speaks_resp2(slot.client)) {
    flush_run();
    std::string converted;
    protocol::append_as_resp2(converted, reply);
    server_.answer_run(slots_.front().client, slots_.front().number, 1, converted);
    return finish_front(1);
  }
  run_ = run_.empty() ? reply : std::string_view(run_.data(), run_.size() + reply.size());
  if (++run_count_ == slot.count) flush_run();
}

void Upstream::flush_run() {
  if (run_count_ == 0) return;
  const auto& slot = slots_.front();
  server_.answer_run(slot.client, slot.number, run_count_, run_);
  finish_front(run_count_);
  run_ = {};
  run_count_ = 0;
}

void Upstream::finish_front(std::uint32_t replies) {
  auto& slot = slots_.front();
  inflight_ -= replies;
  slot.count -= replies;
  if (slot.client != 0) slot.number += replies;
  if (slot.count == 0) slots_.pop_front();
  if (slots_.empty() && link_.kind == policies::Link::Kind::own) server_.own_idle(*this);
}

void Upstream::fail_slots(std::string_view error) {
  const auto slots = std::move(slots_);
  slots_.clear();
  inflight_ = 0;
  if (streaming_ && !slots.empty()) server_.close_session(slots.front().client, "upstream lost");
  streaming_ = false;
  for (const auto& slot : slots) fail_slot(slot, error);
}

void Upstream::fail_slot(const Slot& slot, std::string_view error) {
  if (slot.is_nobodys()) return;
  if (slot.client == 0) return server_.fail_later(slot.number, error);
  std::string errors;
  for (std::uint32_t i = 0; i < slot.count; ++i) errors += error;
  server_.answer_run(slot.client, slot.number, slot.count, errors);
}

void Upstream::close(std::string_view why) {
  if (state_ == State::ready) return broken(why);
  fail(why);
}

void Upstream::broken(std::string_view reason) {
  run_ = {};
  run_count_ = 0;
  const auto where = server_.upstream_name();
  const bool in_time = reason == "timeout";
  const auto timeout = std::to_string(server_.settings().upstream.op_timeout.count());
  const auto error = in_time ? errors::time(where, timeout) : errors::lost(where);
  const bool was_ready = state_ == State::ready;
  if (!was_ready) return fail(reason);
  disconnect();
  state_ = State::idle;
  last_error_ = errors::down(where, in_time ? "no reply" : reason);
  fail_slots(error);
  if (tunnel_ != 0) server_.close_session(tunnel_, "upstream lost");
  server_.link_lost(*this, last_error_, reason);
}

/// Behind a client that does not read: others are not made to wait longer than for upstream.
void Upstream::give_up_late(policies::TimePoint now) {
  const auto& settings = server_.settings().upstream;
  const auto error =
      errors::time(server_.upstream_name(), std::to_string(settings.op_timeout.count()));
  for (std::size_t i = 1; i < slots_.size(); ++i) {
    auto& slot = slots_[i];
    const bool is_its = slot.client == slots_.front().client;
    const bool is_late = now - slot.sent > settings.op_timeout;
    if (slot.is_nobodys() || is_its || slot.may_block || !is_late) continue;
    fail_slot(std::exchange(slot, Slot{0, nobody, slot.count, slot.sent, true, false}), error);
  }
}

void Upstream::tick(policies::TimePoint now) {
  const auto& settings = server_.settings().upstream;
  if (state_ == State::connecting || state_ == State::handshaking) {
    if (now >= deadline_)
      fail(tls_ && !tls_->established() ? "no TLS handshake in time" : "connect timeout");
    return;
  }
  if (state_ == State::failed && now >= retry_at_) {
    state_ = State::idle;
    if (link_ == server_.first_lane()) connect();
    return;
  }
  if (paused_ && slots_.size() > 1) give_up_late(now);
  if (state_ == State::ready && !slots_.empty() && !slots_.front().may_block && !paused_ &&
      now - slots_.front().sent > settings.op_timeout) {
    broken("timeout");
  }
}

}  // namespace pannier::proxy
