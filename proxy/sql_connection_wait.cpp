// How a connection waits and ends: what does not need libpq.
#include <utility>

#include "proxy/sql_connection.hpp"
#include "proxy/sql_statement.hpp"

namespace pannier::proxy {

using Error = boost::system::error_code;
using Kind = SqlAnswer::Kind;

/// For as long as it is open: an idle connection's end is noticed, and notifications come.
void SqlConnection::wait_to_read() {
  socket_.async_wait(socket_.wait_read, [self = shared_from_this()](Error error) {
    if (error || self->is_closed()) return;
    self->readable();
    if (!self->is_closed()) self->wait_to_read();
  });
}

void SqlConnection::wait_to_write() {
  if (std::exchange(writing_, true)) return;
  socket_.async_wait(socket_.wait_write, [self = shared_from_this()](Error error) {
    self->writing_ = false;
    if (!error && !self->is_closed()) self->flush();
  });
}

void SqlConnection::lose(const std::string& why) {
  auto text = why.substr(0, why.find("\nLOCATION:"));
  SqlAnswer answer{.kind = Kind::lost, .error = one_line(text), .sqlstate = sqlstate_in(text)};
  // What PostgreSQL said before it went says more.
  if (state_ == State::busy && failure_) answer = *failure_;
  if (answer.kind == Kind::error) answer.kind = Kind::lost;
  break_off(std::move(answer));
}

void SqlConnection::break_off(SqlAnswer answer) {
  const auto done = std::exchange(done_, nullptr);
  const auto closed = std::exchange(events_.closed, nullptr);
  close();
  if (done) {
    done(std::move(answer));
  } else if (closed) {
    closed(answer.error, answer.sqlstate);
  }
}

void SqlConnection::close() {
  state_ = State::closed;
  done_ = nullptr;
  events_ = {};
  resolver_.cancel();
  timer_.cancel();
  // libpq closes it, after a farewell that does not wait either.
  if (socket_.is_open()) socket_.release();
  link_.reset();
}

/// Time::max(): not at all.
void SqlConnection::expire_at(Time deadline) {
  timer_.expires_at(deadline);
  if (deadline == Time::max()) return;
  timer_.async_wait([self = shared_from_this()](Error error) {
    // It may have been set anew while this was on its way.
    if (error || self->is_closed() || Timer::clock_type::now() < self->timer_.expiry()) return;
    const auto kind = self->state_ == State::busy ? Kind::timeout : Kind::lost;
    self->break_off({.kind = kind, .error = "PostgreSQL did not answer in time"});
  });
}

}  // namespace pannier::proxy
