#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <string>

#include "policies/time.hpp"
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
  using Progress = RequestReader::Progress;
  using Reading = boost::system::result<Progress, Refusal>;

  static Coroutine<void> run(std::shared_ptr<AdminConnection> self);
  Coroutine<bool> serve_one();
  Coroutine<Reading> read_until(Progress wanted);
  Coroutine<bool> receive();
  Coroutine<Response> answer(Route route);
  Coroutine<Response> act(std::vector<std::string> words);
  Coroutine<bool> send(Response response);
  Coroutine<void> linger();
  void allow(policies::milliseconds time);

  Socket socket_;
  Timer answered_;  ///< Cancelled when an action's reply has come.
  std::shared_ptr<AdminRoutes> routes_;
  RequestReader reader_;
  std::unique_ptr<ActionCall> call_;
  std::string input_;
  policies::TimePoint deadline_;
};

}  // namespace pannier::proxy
