#include "policies/schedule.hpp"

#include <doctest/doctest.h>

#include <algorithm>

using namespace pannier::policies;
using namespace std::chrono;

namespace {

ServerTime at(unsigned d, int hour = 0, int minute = 0, int second = 0) {
  const sys_days day{year(2026) / November / d};
  return ServerTime(duration_cast<milliseconds>(day.time_since_epoch()) + hours(hour) +
                    minutes(minute) + std::chrono::seconds(second));
}

Schedule schedule(ScheduleSettings settings) {
  const auto made = Schedule::make(settings);
  REQUIRE_MESSAGE(made.has_value(), made.error());
  return *made;
}

Schedule eod(bool catch_up = true, milliseconds jitter = milliseconds(0)) {
  ScheduleSettings settings;
  settings.name = "eod";
  settings.cron = "0 0 * * *";
  settings.catch_up = catch_up;
  settings.jitter = jitter;
  return schedule(settings);
}

/// A sidecar's clock as it goes, and the runs that come of it; as whoever uses a Schedule does it.
struct Clock {
  const Schedule& what;
  ServerTime since;
  std::vector<ServerTime> runs;

  void is(ServerTime now) {
    if (const auto due = what.due(since, now)) runs.push_back(due->time);
    since = std::max(since, what.seen(now));
  }
};

}  // namespace

TEST_CASE("A schedule runs once for each of its times, however often it is looked at") {
  const auto daily = eod();
  Clock clock{daily, daily.seen(at(20, 12)), {}};
  for (auto now = at(20, 12); now < at(23, 12); now += milliseconds(250'000)) clock.is(now);
  CHECK(clock.runs == std::vector{at(21), at(22), at(23)});
}

TEST_CASE("For times that were missed it runs once, and with catch_up off not at all") {
  const auto daily = eod();
  CHECK(daily.due(at(18), at(21, 7))->time == at(21));
  CHECK(daily.due(at(18), at(21, 7))->is_late);
  CHECK_FALSE(daily.due(at(20), at(21, 0, 0, 1))->is_late);
  CHECK_FALSE(daily.due(at(21), at(21, 7)).has_value());
  CHECK_FALSE(eod(false).due(at(18), at(21, 7)).has_value());
  CHECK(eod(false).due(at(20), at(21, 0, 0, 1))->time == at(21));
}

TEST_CASE("A clock that jumps two hours ahead or back makes no run twice, and loses none") {
  const auto daily = eod();
  Clock clock{daily, daily.seen(at(20, 22, 30)), {}};
  for (const auto now : {at(20, 22, 30), at(21, 0, 30), at(20, 22, 31), at(20, 23, 59),
                         at(21, 0, 1), at(21, 2, 0), at(21, 23, 59), at(22, 0, 0)}) {
    clock.is(now);
  }
  CHECK(clock.runs == std::vector{at(21), at(22)});
}

TEST_CASE("every counts from 1970, so that all sidecars mean the same times") {
  ScheduleSettings settings;
  settings.name = "often";
  settings.every = milliseconds(300'000);
  const auto often = schedule(settings);
  CHECK(often.last_until(at(21, 3, 7, 30)) == at(21, 3, 5));
  CHECK(often.next_after(at(21, 3, 5)) == at(21, 3, 10));
  CHECK(often.due(at(21, 3, 0), at(21, 3, 5))->time == at(21, 3, 5));
  CHECK_FALSE(often.due(at(21, 3, 5), at(21, 3, 9, 59)).has_value());
}

TEST_CASE("Jitter puts a run off by the same time everywhere, and never past what it may be") {
  const auto daily = eod(true, milliseconds(600'000));
  const auto again = eod(true, milliseconds(600'000));
  std::vector<milliseconds> delays;
  for (unsigned d = 2; d < 28; ++d) {
    auto now = at(d);
    while (!daily.due(at(d - 1), now)) now += milliseconds(1'000);
    CHECK(now - at(d) <= milliseconds(600'000));
    CHECK(again.due(at(d - 1), now)->time == at(d));
    CHECK_FALSE(again.due(at(d - 1), now - milliseconds(2'000)).has_value());
    delays.push_back(now - at(d));
  }
  std::sort(delays.begin(), delays.end());
  CHECK(delays.back() - delays.front() > milliseconds(300'000));
}

TEST_CASE("A schedule has one of cron and every, and neither too often") {
  const auto error = [](std::string cron, milliseconds every, milliseconds jitter) {
    ScheduleSettings settings;
    settings.cron = std::move(cron);
    settings.every = every;
    settings.jitter = jitter;
    const auto made = Schedule::make(settings);
    return made ? "nothing" : made.error();
  };
  CHECK(error("", milliseconds(0), {}) == "a schedule has either cron or every");
  CHECK(error("@daily", milliseconds(5'000), {}) == "a schedule has either cron or every");
  CHECK(error("", milliseconds(10), {}) == "every: less than a second is too often");
  CHECK(error("", milliseconds(2'000), milliseconds(2'000)) == "jitter: it is not less than every");
  CHECK(error("0 0 * *", {}, {}).starts_with("cron: '0 0 * *' has 4 fields"));
}
