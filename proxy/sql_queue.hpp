#pragma once

#include <deque>
#include <vector>

#include "proxy/loop.hpp"
#include "proxy/sql_pool.hpp"

namespace pannier::proxy {

/// A query and who asked.
struct SqlJob {
  using Time = Timer::time_point;
  SqlQuery query{};
  SqlPool::Done done{};
  Time leaves_queue{};
  Time deadline = Time::max();  ///< Set when it is first sent.
  bool is_retry = false;
};

/// The queries that wait for a connection, in order, each until its time has come.
class SqlQueue {
 public:
  using Time = SqlJob::Time;

  bool empty() const { return jobs_.empty(); }
  std::size_t size() const { return jobs_.size(); }
  void push(SqlJob job);
  /// Before all others: it has waited already.
  void push_first(SqlJob job);
  /// REQUIRES !empty().
  SqlJob pop();
  /// Those whose time is over; with Time::max() all.
  std::vector<SqlJob> take_late(Time now);
  /// When the first one's time is over, or Time::max().
  Time next() const;

 private:
  std::deque<SqlJob> jobs_;
};

}  // namespace pannier::proxy
