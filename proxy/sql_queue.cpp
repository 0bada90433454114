#include "proxy/sql_queue.hpp"

#include <algorithm>
#include <utility>

namespace pannier::proxy {

void SqlQueue::push(SqlJob job) { jobs_.push_back(std::move(job)); }

void SqlQueue::push_first(SqlJob job) { jobs_.push_front(std::move(job)); }

SqlJob SqlQueue::pop() {
  auto job = std::move(jobs_.front());
  jobs_.pop_front();
  return job;
}

std::vector<SqlJob> SqlQueue::take_late(Time now) {
  std::vector<SqlJob> late;
  std::erase_if(jobs_, [&](SqlJob& job) {
    const bool is_late = job.leaves_queue <= now;
    if (is_late) late.push_back(std::move(job));
    return is_late;
  });
  return late;
}

SqlQueue::Time SqlQueue::next() const {
  auto next = Time::max();
  for (const auto& job : jobs_) next = std::min(next, job.leaves_queue);
  return next;
}

}  // namespace pannier::proxy
