#include "proxy/sql_listener.hpp"

#include <utility>

#include "proxy/sql_backoff.hpp"
#include "proxy/sql_connection.hpp"

namespace pannier::proxy {

class SqlListener::State : public std::enable_shared_from_this<State> {
 public:
  State(Loop& loop, SqlListenerSettings settings, Events events)
      : loop_(loop), settings_(std::move(settings)), events_(std::move(events)), timer_(loop) {}

  void connect() {
    const SqlSession session{.url = settings_.url,
                             .connect_timeout = settings_.connect_timeout,
                             .statement_timeout = settings_.heartbeat_timeout};
    connection_ = std::make_shared<SqlConnection>(loop_, session);
    const auto weak = weak_from_this();
    connection_->open(status_.failures,
                      {.opened =
                           [weak] {
                             if (auto self = weak.lock()) self->listen_to(0);
                           },
                       .closed =
                           [weak](const std::string& error, const std::string&) {
                             if (auto self = weak.lock()) self->lost(error);
                           },
                       .notified =
                           [weak](const std::string& channel, const std::string& payload) {
                             if (auto self = weak.lock()) self->notified(channel, payload);
                           }});
  }

  void stop() {
    stopped_ = true;
    status_.listening = false;
    timer_.cancel();
    if (connection_) connection_->close();
  }

  const SqlListenerStatus& status() const { return status_; }

 private:
  void listen_to(std::size_t index) {
    if (index == settings_.channels.size()) return listening();
    ask("LISTEN " + connection_->quoted(settings_.channels[index]),
        [this, index] { listen_to(index + 1); });
  }

  void listening() {
    backoff_.reset();
    status_.listening = true;
    if (std::exchange(has_listened_, true) || status_.failures > 0) {
      ++status_.gaps;
      if (events_.gap) events_.gap();
    }
    if (!stopped_) wait(settings_.heartbeat);
  }

  /// \param then is called if the statement succeeds, else the connection is given up.
  void ask(const std::string& sql, std::function<void()> then) {
    SqlQuery query;
    query.sql = sql;
    query.shape = SqlQuery::Shape::none;
    const auto deadline = Timer::clock_type::now() + settings_.heartbeat_timeout;
    connection_->run(query, deadline, [weak = weak_from_this(), then](const SqlAnswer& answer) {
      const auto self = weak.lock();
      if (!self || self->stopped_) return;
      answer.kind == SqlAnswer::Kind::value ? then() : self->lost(answer.error);
    });
  }

  void notified(const std::string& channel, const std::string& payload) {
    ++status_.notifications;
    if (events_.notified) events_.notified(channel, payload);
  }

  void lost(const std::string& error) {
    connection_->close();
    status_.listening = false;
    ++status_.failures;
    status_.last_error = error;
    wait(backoff_.next());
  }

  /// Until the next heartbeat, or the next attempt.
  void wait(policies::milliseconds pause) {
    timer_.expires_after(pause);
    timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
      const auto self = weak.lock();
      if (!self || error || self->stopped_) return;
      // It may have been set anew while this was on its way.
      if (Timer::clock_type::now() < self->timer_.expiry()) return;
      if (self->connection_->is_closed()) return self->connect();
      if (!self->connection_->is_idle()) return;
      self->ask("SELECT 1", [self = self.get()] { self->wait(self->settings_.heartbeat); });
    });
  }

  Loop& loop_;
  SqlListenerSettings settings_;
  Events events_;
  Timer timer_;
  std::shared_ptr<SqlConnection> connection_;
  SqlBackoff backoff_;
  SqlListenerStatus status_;
  bool stopped_ = false, has_listened_ = false;
};

SqlListener::SqlListener(Loop& loop, SqlListenerSettings settings, Events events)
    : state_(std::make_shared<State>(loop, std::move(settings), std::move(events))) {
  state_->connect();
}

SqlListener::~SqlListener() { state_->stop(); }

void SqlListener::stop() { state_->stop(); }

SqlListenerStatus SqlListener::status() const { return state_->status(); }

}  // namespace pannier::proxy
