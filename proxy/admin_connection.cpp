#include "proxy/admin_connection.hpp"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <exception>
#include <utility>

#include "protocol/command_table.hpp"
#include "proxy/admin_body.hpp"
#include "proxy/admin_json.hpp"
#include "proxy/log.hpp"

namespace pannier::proxy {

namespace {

using namespace std::chrono_literals;

constexpr auto head_time = 5s, body_time = 10s, send_time = 10s, idle_time = 30s, linger_time = 1s;
constexpr auto reply_time = 30s;
constexpr std::size_t piece = 4096;
constexpr auto token = asio::as_tuple(asio::use_awaitable_t<Executor>{});

std::string joined(const std::vector<std::string>& words) {
  std::string line;
  for (const auto& word : words) line += (line.empty() ? "" : " ") + word;
  return line;
}

/// POST /invalidate says what in its body.
bool asks_in_body(const Route& route) {
  return route.words.size() == 1 && protocol::equals_nocase(route.words[0], "invalidate");
}

}  // namespace

AdminConnection::AdminConnection(Socket socket, std::shared_ptr<AdminRoutes> routes)
    : socket_(std::move(socket)), answered_(socket_.get_executor()), routes_(std::move(routes)) {
  allow(head_time);
}

void AdminConnection::start() {
  asio::co_spawn(socket_.get_executor(), run(shared_from_this()), asio::detached);
}

void AdminConnection::close() {
  call_.reset();
  event_.reset();
  answered_.cancel();
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void AdminConnection::allow(policies::milliseconds time) { deadline_ = monotonic_now() + time; }

void AdminConnection::check_deadline(policies::TimePoint now) {
  if (now >= deadline_) close();
}

// What g++ 12.2 makes wrong of coroutines: a co_await in a condition spoils the frame (GCC bug
// 106188), and temporaries with destructors in a statement with co_await are destroyed twice. So
// each co_await is a statement of its own without any, and what is complicated is no coroutine.

AdminConnection::Coroutine<void> AdminConnection::run(std::shared_ptr<AdminConnection> self) {
  bool more = true;
  while (more) {
    more = co_await self->serve_one();
    self->allow(idle_time);
  }
  co_await self->linger();
  self->close();
}

/// \returns whether there may be another request.
AdminConnection::Coroutine<bool> AdminConnection::serve_one() {
  const bool read = co_await read_request();
  if (!read) co_return false;
  if (route_) co_await answer();
  const bool more = co_await send();
  co_return more;
}

/// Afterwards there is a route, or a refusal to be sent. \returns false if the peer is gone.
AdminConnection::Coroutine<bool> AdminConnection::read_request() {
  reader_ = RequestReader();
  route_.reset();
  what_.reset();
  bool begun = !input_.empty(), taken = take();
  while (!taken) {
    const bool received = co_await receive();
    if (!received) co_return false;
    if (!std::exchange(begun, true)) allow(head_time);
    taken = take();
  }
  co_return true;
}

AdminConnection::Coroutine<bool> AdminConnection::receive() {
  std::array<char, piece> bytes;
  const auto [error, size] = co_await socket_.async_read_some(asio::buffer(bytes), token);
  if (error) co_return false;
  input_.append(bytes.data(), size);
  co_return true;
}

AdminConnection::Coroutine<void> AdminConnection::answer() {
  begin_answer();
  const bool waits = (call_ && call_->reply().empty()) || (event_ && !event_->response());
  if (waits) {
    deadline_ = policies::TimePoint::max();
    answered_.expires_after(reply_time);
    co_await answered_.async_wait(token);
  }
  if (call_) end_action();
  if (event_) end_event();
}

/// \returns whether there may be another request.
AdminConnection::Coroutine<bool> AdminConnection::send() {
  if (!socket_.is_open()) co_return false;
  if (response_.status >= 400) response_.keep_alive = false;
  routes_->count(response_.status);
  allow(send_time);
  output_ = response_.bytes();
  const auto [error, size] = co_await asio::async_write(socket_, asio::buffer(output_), token);
  co_return !error && response_.keep_alive;
}

/// Closing with unread bytes would reset the connection, and lose the answer with it.
AdminConnection::Coroutine<void> AdminConnection::linger() {
  boost::system::error_code error;
  socket_.shutdown(Socket::shutdown_send, error);
  if (error) co_return;
  allow(linger_time);
  bool received = true;
  while (received) {
    received = co_await receive();
    input_.clear();
  }
}

/// Makes what it can of the input. \returns whether the request is complete or refused.
bool AdminConnection::take() {
  using Progress = RequestReader::Progress;
  for (;;) {
    const auto progress = reader_.feed(input_);
    if (!progress) return refuse(progress.error()), true;
    if (*progress == Progress::complete) break;
    if (*progress != Progress::head_complete) return false;
    const auto head = reader_.head();
    auto admitted = routes_->admit(head, monotonic_now());
    if (!admitted) return refuse(admitted.error()), true;
    route_ = std::move(admitted->route);
    caller_ = std::move(admitted->caller.name);
    alias_ = std::move(admitted->alias);
    keep_alive_ = head.keep_alive;
    allow(body_time);
  }
  const auto& body = reader_.body();
  if (route_->to == Route::To::event) {
    const auto refusal = routes_->objection_to_event(head_of_event(), body);
    if (refusal) refuse(*refusal);
    return true;
  }
  if (body.empty()) return true;
  if (!is_json_object(body)) return refuse({400, "the body is not a JSON object"}), true;
  if (!asks_in_body(*route_)) return true;
  auto what = invalidation_of_json(body);
  if (!what) return refuse({400, what.error() + "; not executed"}), true;
  what_ = std::move(*what);
  return true;
}

/// Who has shown a token need not show the mark as well.
RequestHead AdminConnection::head_of_event() const {
  auto head = reader_.head();
  if (!caller_.empty()) head.marks = {"1"};
  return head;
}

void AdminConnection::refuse(const Refusal& refusal) {
  route_.reset();
  response_ = error_response(refusal);
}

/// Afterwards there is an answer, or an action under way.
void AdminConnection::begin_answer() {
  try {
    if (route_->to == Route::To::live) {
      const auto refusal = routes_->live().subscribe(socket_, reader_.head());
      if (refusal) set_answer(error_response(*refusal));
    } else if (route_->to == Route::To::event) {
      begin_event();
    } else if (route_->to == Route::To::action || route_->to == Route::To::value) {
      call_ =
          std::make_unique<ActionCall>(routes_->sources(), caller_, [this] { answered_.cancel(); });
      if (route_->to == Route::To::value) {
        call_->read(route_->words.front());
      } else if (what_) {
        call_->run(std::move(*what_));
      } else {
        call_->run(route_->words);
      }
    } else {
      set_answer(routes_->look(route_->to));
    }
  } catch (const std::exception& wrong) {
    log::error("admin_failed", {{"error", wrong.what()}});
    call_.reset();
    event_.reset();
    set_answer(error_response({500, "internal error"}));
  }
}

void AdminConnection::begin_event() {
  const auto keys = reader_.head().idempotency_keys;
  event_ = std::make_unique<EventCall>([this] { answered_.cancel(); });
  event_->run(routes_->sources().events, route_->words.front(), reader_.body(),
              keys.empty() ? std::string_view() : std::string_view(keys.front()));
}

void AdminConnection::end_event() {
  const auto event = std::move(event_);
  set_answer(event->response()
                 ? *event->response()
                 : error_response({504, "no reply within 30 s; it may be carried out yet"}));
}

void AdminConnection::end_action() {
  const auto call = std::move(call_);
  const auto& reply = call->reply();
  auto response = reply.empty() ? error_response({504, "no reply within 30 s; outcome unknown"})
                  : route_->to == Route::To::value ? response_of_value(reply)
                                                   : response_of(reply);
  if (alias_ && alias_->shape) {
    response = alias_->shape->apply(std::move(response), route_->words.front(), alias_->captures);
  }
  set_answer(std::move(response));
  if (!route_->changes) return;
  log::info("admin_action", {{"words", joined(route_->words)},
                             {"by", caller_.empty() ? "http" : "http (" + caller_ + ")"},
                             {"status", std::to_string(response_.status)}});
}

void AdminConnection::set_answer(Response response) {
  response_ = std::move(response);
  response_.keep_alive = keep_alive_;
  response_.head_only = route_->head_only;
}

}  // namespace pannier::proxy
