#include "proxy/sql_pool.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>
#include <vector>

#include "proxy/sql_backoff.hpp"
#include "proxy/sql_connection.hpp"
#include "proxy/sql_queue.hpp"
#include "proxy/sql_statement.hpp"

namespace pannier::proxy {

using Kind = SqlAnswer::Kind;
using Time = SqlConnection::Time;
using Job = SqlJob;

namespace {

constexpr policies::seconds kept_idle{5};

Time now() { return Timer::clock_type::now(); }

struct Member {
  std::shared_ptr<SqlConnection> connection;
  bool is_open = false;
  std::optional<Job> job;
  Time idle_since{};
};

SqlAnswer failure(Kind kind, std::string error) {
  return {.kind = kind, .error = std::move(error)};
}

}  // namespace

class SqlPool::State : public std::enable_shared_from_this<State> {
 public:
  State(Loop& loop, SqlPoolSettings settings)
      : loop_(loop), settings_(std::move(settings)), timer_(loop) {
    settings_.size = std::max<std::size_t>(settings_.size, 1);
  }

  void run(SqlQuery query, Done done) {
    Job job{.query = std::move(query), .done = std::move(done)};
    ++status_.queries;
    if (auto refused = refused_parameter(job.query); !refused.empty()) {
      return answer(std::move(job), failure(Kind::error, std::move(refused)));
    }
    if (stopped_) return answer(std::move(job), failure(Kind::unavailable, "stopped"));
    if (is_down()) return answer(std::move(job), unavailable());
    if (queue_.size() >= settings_.queue && !idle()) {
      const auto most = std::to_string(settings_.queue);
      return answer(std::move(job), failure(Kind::busy, most + " queries wait already"));
    }
    job.leaves_queue = now() + settings_.queue_timeout;
    queue_.push(std::move(job));
    pump();
  }

  void stop() {
    if (std::exchange(stopped_, true)) return;
    timer_.cancel();
    for (auto& member : std::exchange(members_, {})) {
      member->connection->close();
      // A statement that may write may be carried out yet.
      const auto kind = settings_.writes ? Kind::lost : Kind::unavailable;
      if (member->job) answer(std::move(*member->job), failure(kind, "stopped"));
    }
    fail_queue(failure(Kind::unavailable, "stopped"));
  }

  /// The pool is gone: what is on its way to be answered is not.
  void abandon() {
    abandoned_ = true;
    stop();
  }

  SqlPoolStatus status() const {
    auto status = status_;
    status.open = open();
    status.busy = count([](const Member& member) { return member.job.has_value(); });
    status.queued = queue_.size();
    status.state = stopped_            ? "stopped"
                   : is_down()         ? "down"
                   : status.open > 0   ? "up"
                   : !members_.empty() ? "connecting"
                                       : "unused";
    return status;
  }

 private:
  using Members = std::vector<std::shared_ptr<Member>>;

  template <typename Is>
  std::size_t count(Is is) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(members_, [&is](const auto& member) { return is(*member); }));
  }
  std::size_t open() const {
    return count([](const Member& member) { return member.is_open; });
  }
  std::size_t connecting() const { return members_.size() - open(); }
  bool is_down() const { return backoff_.failing() && open() == 0; }

  std::shared_ptr<Member> idle() const {
    const auto found = std::ranges::find_if(members_, [](const auto& member) {
      return member->is_open && !member->job && member->connection->is_idle();
    });
    return found == members_.end() ? nullptr : *found;
  }

  /// Gives what waits to who is free, and makes connections for the rest.
  void pump() {
    if (stopped_) return;
    for (auto member = idle(); member && !queue_.empty(); member = idle()) {
      start(member, queue_.pop());
    }
    const auto most = settings_.size + settings_.overflow;
    while (!backoff_.failing() && connecting() < queue_.size() && members_.size() < most) connect();
    arm();
  }

  void start(const std::shared_ptr<Member>& member, Job job) {
    if (job.deadline == Time::max()) job.deadline = now() + job.query.timeout;
    member->job = std::move(job);
    member->connection->run(member->job->query, member->job->deadline,
                            [weak = weak_from_this(), member](SqlAnswer answer) {
                              if (const auto self = weak.lock()) self->settle(member, answer);
                            });
  }

  void settle(const std::shared_ptr<Member>& member, SqlAnswer& result) {
    auto job = std::move(*member->job);
    member->job.reset();
    member->idle_since = now();
    if (member->connection->is_closed()) remove(member);
    const bool again = result.kind == Kind::lost && !settings_.writes && !job.is_retry;
    if (again && now() < job.deadline && !is_down()) {
      ++status_.retries;
      job.is_retry = true;
      job.leaves_queue = std::min(job.deadline, now() + settings_.queue_timeout);
      queue_.push_first(std::move(job));
    } else {
      answer(std::move(job), std::move(result));
    }
    pump();
  }

  void connect() {
    const auto member = std::make_shared<Member>();
    const SqlSession session{.url = settings_.url,
                             .connect_timeout = settings_.connect_timeout,
                             .statement_timeout = settings_.statement_timeout,
                             .transaction_pool = settings_.transaction_pool,
                             .writes = settings_.writes};
    member->connection = std::make_shared<SqlConnection>(loop_, session);
    members_.push_back(member);
    const auto weak = weak_from_this();
    const std::weak_ptr<Member> opening = member;
    member->connection->open(
        status_.failed_connects,
        {.opened =
             [weak, opening] {
               const auto self = weak.lock();
               if (self) self->opened(*opening.lock());
             },
         .closed =
             [weak, opening](const std::string& error, const std::string& sqlstate) {
               const auto self = weak.lock();
               if (self) self->closed(opening.lock(), error, sqlstate);
             },
         .notified = nullptr});
  }

  void opened(Member& member) {
    member.is_open = true;
    member.idle_since = now();
    backoff_.reset();
    retry_at_ = Time::max();
    pump();
  }

  void closed(const std::shared_ptr<Member>& member, const std::string& error,
              const std::string& sqlstate) {
    const bool was_open = member->is_open;
    remove(member);
    status_.last_error = error;
    if (!was_open) {
      ++status_.failed_connects;
      retry_at_ = now() + backoff_.next();
      is_full_ = sqlstate == too_many_connections;
      // Where PostgreSQL has a few left, the next attempt may be the one that gets it.
      const bool may_come = open() > 0 || (is_full_ && connecting() > 0);
      if (!may_come) fail_queue(unavailable());
    }
    pump();
  }

  void remove(const std::shared_ptr<Member>& member) { std::erase(members_, member); }

  /// Why there is no connection. With PostgreSQL full it is as if the pool was too small.
  SqlAnswer unavailable() const {
    auto answer = failure(is_full_ ? Kind::busy : Kind::unavailable, status_.last_error);
    if (is_full_) answer.sqlstate = too_many_connections;
    return answer;
  }

  void fail_queue(const SqlAnswer& why) {
    for (auto& job : queue_.take_late(Time::max())) answer(std::move(job), why);
  }

  /// Later, so that whoever asked is never called from inside its own call.
  void answer(Job job, SqlAnswer result) {
    ++status_.answers[static_cast<std::size_t>(result.kind)];
    if (!result.error.empty()) status_.last_error = result.error;
    asio::post(loop_, [weak = weak_from_this(), done = std::move(job.done),
                       answer = std::move(result)]() mutable {
      const auto self = weak.lock();
      if (self && !self->abandoned_) done(std::move(answer));
    });
  }

  /// One timer for all that has a time: who waits, the next attempt, and who is idle for too long.
  void arm() {
    auto next = members_.empty() || !connecting() ? retry_at_ : Time::max();
    next = std::min(next, queue_.next());
    for (const auto& member : members_) {
      const bool is_spare = members_.size() > settings_.size && member->is_open && !member->job;
      if (is_spare) next = std::min(next, member->idle_since + kept_idle);
    }
    timer_.expires_at(next);
    if (next == Time::max()) return;
    timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
      const auto self = weak.lock();
      if (self && !error && !self->stopped_) self->tick();
    });
  }

  void tick() {
    expire_queue();
    for (const auto& member : Members(members_)) {
      const bool is_old =
          member->is_open && !member->job && member->idle_since + kept_idle <= now();
      if (!is_old || members_.size() <= settings_.size) continue;
      member->connection->close();
      remove(member);
    }
    if (retry_at_ <= now() && connecting() == 0) {
      retry_at_ = Time::max();
      // With others open, and nobody who waits, there is no hurry to find out.
      if (open() == 0 || !queue_.empty())
        connect();
      else
        backoff_.reset();
    }
    pump();
  }

  void expire_queue() {
    const auto waited = std::to_string(settings_.queue_timeout.count());
    const auto kind = open() > 0 ? Kind::busy : Kind::unavailable;
    for (auto& job : queue_.take_late(now())) {
      answer(std::move(job), failure(kind, "no connection was free within " + waited + " ms"));
    }
  }

  Loop& loop_;
  SqlPoolSettings settings_;
  Timer timer_;
  Members members_;
  SqlQueue queue_;
  SqlBackoff backoff_;
  Time retry_at_ = Time::max();  ///< When failing: the next attempt.
  bool stopped_ = false, abandoned_ = false;
  bool is_full_ = false;  ///< The last attempt failed because PostgreSQL has no connection left.
  SqlPoolStatus status_;
};

SqlPool::SqlPool(Loop& loop, SqlPoolSettings settings)
    : state_(std::make_shared<State>(loop, std::move(settings))) {}

SqlPool::~SqlPool() { state_->abandon(); }

void SqlPool::run(SqlQuery query, Done done) { state_->run(std::move(query), std::move(done)); }

void SqlPool::stop() { state_->stop(); }

SqlPoolStatus SqlPool::status() const { return state_->status(); }

}  // namespace pannier::proxy
