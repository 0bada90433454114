#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "proxy/loop.hpp"
#include "proxy/sql_query.hpp"

namespace pannier::proxy {

struct SqlPoolSettings {
  std::string url;       ///< A URI or key=value pairs, as libpq takes them; see sql_url_error().
  std::size_t size = 2;  ///< Connections that are kept once they were needed, at least 1.
  std::size_t overflow = 2;  ///< More while they are needed; closed after 5 s without a query.
  std::size_t queue = 100;   ///< At most so many queries wait for a connection.
  policies::milliseconds queue_timeout{1000};  ///< Each for so long.
  policies::milliseconds connect_timeout{2000};
  policies::milliseconds statement_timeout{1500};  ///< PostgreSQL's own limit; 0: none.
  bool transaction_pool = false;                   ///< See SqlSession.
  bool writes = false;                             ///< See SqlSession; nothing is retried then.
  bool operator==(const SqlPoolSettings&) const = default;
};

/// What a status page says of a pool.
struct SqlPoolStatus {
  const char* state = "";  ///< unused, connecting, up, down or stopped.
  std::size_t open = 0, busy = 0, queued = 0;
  std::uint64_t queries = 0, retries = 0;
  std::array<std::uint64_t, SqlAnswer::kinds> answers{};  ///< By SqlAnswer::Kind.
  std::uint64_t failed_connects = 0;
  std::string last_error;  ///< Of a query or a connection; without passwords.
};

/// A few connections to PostgreSQL and a short queue before them.
///
/// Connections are made when queries need them. When one cannot be made and there is no other, the
/// pool is down: queries are answered `unavailable` at once, and one attempt at a time is made,
/// after pauses that grow, until one succeeds. A query that does not write, and whose connection
/// breaks, is sent once more over another one.
class SqlPool {
 public:
  using Done = std::function<void(SqlAnswer)>;

  /// Connects to nothing yet.
  SqlPool(Loop& loop, SqlPoolSettings settings);
  /// What has not been answered never is: no `done` is called afterwards.
  ~SqlPool();

  /// \param done is called exactly once, later, from the loop, unless the pool is destroyed before.
  /// It may call anything here, and destroy the pool.
  void run(SqlQuery query, Done done);
  /// Closes all connections; what runs and what waits is answered `unavailable` (what runs and may
  /// write: `lost`), and so is whatever comes later. Running a second time does nothing.
  void stop();

  SqlPoolStatus status() const;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace pannier::proxy
