#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <string>

#include "policies/time.hpp"
#include "proxy/admin_event.hpp"
#include "proxy/admin_http.hpp"
#include "proxy/admin_routes.hpp"
#include "proxy/loop.hpp"

namespace pannier::proxy {

/// One connection to the admin port: requests in, answers out, one at a time.
///
/// A request that is refused ends the connection, because what follows it cannot be trusted to be
/// the beginning of another one. So do the deadlines: 5 s for a head, 10 s for a body and for
/// taking the answer, 30 s between two requests.
class AdminConnection : public std::enable_shared_from_this<AdminConnection> {
 public:
  AdminConnection(Socket socket, std::shared_ptr<AdminRoutes> routes);

  /// Begins to read. Its coroutine ends with the connection, at the latest after close().
  void start();
  /// Ends it, and what it is waiting for.
  void close();
  /// Closes it if its deadline has passed.
  void check_deadline(policies::TimePoint now);

 private:
  template <class T>
  using Coroutine = asio::awaitable<T, Executor>;

  static Coroutine<void> run(std::shared_ptr<AdminConnection> self);
  Coroutine<bool> serve_one();
  Coroutine<bool> read_request();
  Coroutine<bool> receive();
  Coroutine<void> answer();
  Coroutine<bool> send();
  Coroutine<void> linger();

  bool take();
  RequestHead head_of_event() const;
  void refuse(const Refusal& refusal);
  void begin_answer();
  void begin_event();
  void end_action();
  void end_event();
  void set_answer(Response response);
  void allow(policies::milliseconds time);

  Socket socket_;
  Timer answered_;  ///< Cancelled when an action's reply has come.
  std::shared_ptr<AdminRoutes> routes_;
  policies::TimePoint deadline_;
  std::string input_;  ///< Received, and not yet taken.

  // The request that is served.
  RequestReader reader_;
  bool keep_alive_ = false;
  std::optional<Route> route_;  ///< From the end of its head on, unless it is refused.
  std::string caller_;          ///< The name of its token, if it has one.
  std::optional<AdminAliases::Used> alias_;
  std::optional<policies::Invalidation> what_;  ///< That its body asks for.
  std::unique_ptr<ActionCall> call_;
  std::unique_ptr<EventCall> event_;
  Response response_;
  std::string output_;
};

}  // namespace pannier::proxy
