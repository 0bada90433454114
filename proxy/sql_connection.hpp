#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "proxy/loop.hpp"
#include "proxy/sql_hosts.hpp"
#include "proxy/sql_parameters.hpp"
#include "proxy/sql_query.hpp"
#include "proxy/sql_rows.hpp"

struct pg_conn;    // libpq's PGconn
struct pg_result;  // libpq's PGresult

namespace pannier::proxy {

/// \returns what is wrong with the URL, empty if nothing is; never a part of it, because a password
/// with an unescaped character lies about which part it is.
std::string sql_url_error(const std::string& url);

/// One connection to PostgreSQL with one query at a time, on the event loop: the only door to
/// libpq.
///
///   new -open-> connecting -> idle <-run/done-> busy
///                    \_________\________________\_____-> closed, for ever
///
/// Nothing of libpq is called that waits: not PQexec, not PQcancel, and no result is asked for that
/// has not come. Who no longer wants an answer closes the socket, which works with a PostgreSQL
/// that is frozen too, and whatever is in a doubtful state is closed, not reused.
class SqlConnection : public std::enable_shared_from_this<SqlConnection> {
 public:
  struct Events {
    std::function<void()> opened;
    /// It broke or could not be opened, and no query was running; sqlstate may be empty.
    std::function<void(const std::string& error, const std::string& sqlstate)> closed;
    std::function<void(const std::string& channel, const std::string& payload)> notified;
  };
  using Done = std::function<void(SqlAnswer)>;
  using Time = Timer::time_point;

  /// Made with std::make_shared.
  SqlConnection(Loop& loop, const SqlSession& session);

  /// Connects. Events come later, from the loop, and may call anything here.
  /// \param turn which of several addresses to begin with; see resolve_hosts().
  void open(std::size_t turn, Events events);
  /// REQUIRES is_idle(). \param done is called once, later, unless close() is called before. If
  /// is_idle() is false then, the connection is closed.
  void run(const SqlQuery& query, Time deadline, Done done);
  /// At once. Nothing is called afterwards.
  void close();

  bool is_idle() const { return state_ == State::idle; }
  bool is_closed() const { return state_ == State::closed; }
  /// As an identifier in SQL, quoted; empty if it cannot be one. REQUIRES an open connection.
  std::string quoted(const std::string& identifier) const;

 private:
  enum class State : std::uint8_t { created, connecting, idle, busy, closed };
  /// How far the answer is. In a pipeline the limits' result comes before the query's.
  enum class Part : std::uint8_t { limits, query, end };
  struct Finish {
    void operator()(pg_conn* link) const;
  };

  void connect(const SqlHosts& hosts);
  void poll_connect(bool is_first);
  void opened();
  void wait_to_read();
  void wait_to_write();
  void flush();
  void readable();
  bool send(const SqlQuery& query);
  void read_results();
  void end_of_part();
  void take(const pg_result& result);
  void take_row(const pg_result& result);
  void take_error(const pg_result& result);
  void notify();
  void finish();
  void break_off(SqlAnswer answer);
  void lose(const std::string& why);
  void expire_at(Time deadline);

  Loop& loop_;
  SqlSession session_;
  SqlResolver resolver_;
  Timer timer_;
  SqlParameters parameters_;
  asio::posix::basic_stream_descriptor<Executor>
      socket_;  ///< Borrowed from libpq, for waiting only.
  std::unique_ptr<pg_conn, Finish> link_;
  State state_ = State::created;
  Events events_;

  Part part_ = Part::query;
  bool pipelined_ = false, writing_ = false;
  std::optional<SqlRows> rows_;
  std::optional<SqlAnswer> failure_;  ///< PostgreSQL's error, until the end of the answer.
  std::size_t unread_bytes_ = 0;      ///< Received since the last row.
  Done done_;
};

}  // namespace pannier::proxy
