#include "proxy/admin_connection.hpp"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <exception>

#include "proxy/admin_json.hpp"
#include "proxy/log.hpp"

namespace pannier::proxy {

namespace {

using namespace std::chrono_literals;

constexpr auto head_time = 5s, body_time = 10s, send_time = 10s, idle_time = 30s, linger_time = 1s;
constexpr auto reply_time = 30s;
constexpr std::size_t piece = 4096;
// co_await never stands in a condition: g++ 12.2 then lays out frames wrongly (GCC bug 106188).
constexpr auto token = asio::as_tuple(asio::use_awaitable_t<Executor>{});

std::string joined(const std::vector<std::string>& words) {
  std::string line;
  for (const auto& word : words) line += (line.empty() ? "" : " ") + word;
  return line;
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
  answered_.cancel();
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void AdminConnection::allow(policies::milliseconds time) { deadline_ = monotonic_now() + time; }

void AdminConnection::check_deadline(policies::TimePoint now) {
  if (now >= deadline_) close();
}

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
  reader_ = RequestReader();
  const auto head_read = co_await read_until(Progress::head_complete);
  if (!head_read) co_return co_await send(error_response(head_read.error()));
  const auto head = reader_.head();
  auto route = judge(head, routes_->sources().allowed_hosts);
  if (!route) co_return co_await send(error_response(route.error()));
  allow(body_time);
  const auto body_read = co_await read_until(Progress::complete);
  if (!body_read) co_return co_await send(error_response(body_read.error()));
  if (!reader_.body().empty() && !is_json_object(reader_.body())) {
    co_return co_await send(error_response({400, "the body is not a JSON object"}));
  }
  const bool head_only = route->head_only;
  Response response;
  try {
    response = co_await answer(std::move(*route));
  } catch (const std::exception& wrong) {
    log::error("admin_failed", {{"target", head.target}, {"error", wrong.what()}});
    response = error_response({500, "internal error"});
  }
  response.head_only = head_only;
  response.keep_alive = head.keep_alive;
  co_return co_await send(std::move(response));
}

/// \returns what is wrong with the request, with status 0 when the connection has ended.
AdminConnection::Coroutine<AdminConnection::Reading> AdminConnection::read_until(Progress wanted) {
  for (;;) {
    auto progress = reader_.feed(input_);
    if (!progress || *progress == wanted) co_return progress;
    const bool idle = wanted == Progress::head_complete && !reader_.begun();
    const bool received = co_await receive();
    if (!received) co_return Refusal{0, {}};
    if (idle) allow(head_time);
  }
}

AdminConnection::Coroutine<bool> AdminConnection::receive() {
  std::array<char, piece> bytes;
  const auto [error, size] = co_await socket_.async_read_some(asio::buffer(bytes), token);
  if (error) co_return false;
  input_.append(bytes.data(), size);
  co_return true;
}

AdminConnection::Coroutine<Response> AdminConnection::answer(Route route) {
  if (route.to != Route::To::action) co_return routes_->look(route.to);
  const bool changes = route.changes;
  const auto line = changes ? joined(route.words) : std::string();
  auto response = co_await act(std::move(route.words));
  if (changes) {
    log::info("admin_action", {{"words", line}, {"status", std::to_string(response.status)}});
  }
  co_return response;
}

AdminConnection::Coroutine<Response> AdminConnection::act(std::vector<std::string> words) {
  call_ = std::make_unique<ActionCall>(routes_->sources(), [this] { answered_.cancel(); });
  call_->run(words);
  if (call_->reply().empty()) {
    deadline_ = policies::TimePoint::max();
    answered_.expires_after(reply_time);
    co_await answered_.async_wait(token);
  }
  const auto call = std::move(call_);
  if (!call || call->reply().empty()) {
    co_return error_response({504, "no reply within 30 s; outcome unknown"});
  }
  co_return response_of(call->reply());
}

/// \returns whether there may be another request.
AdminConnection::Coroutine<bool> AdminConnection::send(Response response) {
  if (response.status == 0 || !socket_.is_open()) co_return false;
  if (response.status >= 400) response.keep_alive = false;
  routes_->count(response.status);
  allow(send_time);
  const auto bytes = response.bytes();
  const auto [error, size] = co_await asio::async_write(socket_, asio::buffer(bytes), token);
  co_return !error && response.keep_alive;
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

}  // namespace pannier::proxy
