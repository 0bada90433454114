#include "policies/cron.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace pannier::policies;
using namespace std::chrono;

namespace {

ServerTime at(int y, unsigned m, unsigned d, int hour = 0, int minute = 0, int second = 0) {
  const sys_days day{year(y) / month(m) / d};
  return ServerTime(duration_cast<milliseconds>(day.time_since_epoch()) + hours(hour) +
                    minutes(minute) + std::chrono::seconds(second));
}

std::string text(ServerTime time) {
  const auto of_day = time.time_since_epoch() % days(1);
  return date_text(date_of(time)) + " " + std::to_string(of_day / hours(1)) + ":" +
         std::to_string(of_day % hours(1) / minutes(1));
}

Cron cron(std::string_view times) {
  const auto made = Cron::parse(times);
  REQUIRE_MESSAGE(made.has_value(), times << ": " << made.error());
  return *made;
}

std::string next(std::string_view times, ServerTime after) {
  return text(cron(times).next_after(after));
}

std::string error(std::string_view times) {
  const auto made = Cron::parse(times);
  return made ? "nothing" : made.error();
}

/// One field as random text, and with it which values it means: written down side by side, not
/// derived from each other.
struct RandomField {
  std::string text;
  std::vector<bool> means = std::vector<bool>(64, false);

  RandomField(std::minstd_rand& random, unsigned least, unsigned most) {
    const auto any = [&](unsigned from, unsigned to) {
      return std::uniform_int_distribution<unsigned>(from, to)(random);
    };
    const unsigned kind = any(0, 4);
    if (kind == 0) {
      text = "*";
      for (unsigned i = least; i <= most; ++i) means[i] = true;
    } else if (kind == 1) {
      const unsigned step = any(1, most);
      text = "*/" + std::to_string(step);
      for (unsigned i = least; i <= most; ++i) means[i] = (i - least) % step == 0;
    } else {
      for (unsigned piece = 0; piece < kind - 1; ++piece) {
        const unsigned from = any(least, most), to = any(from, most);
        text += (piece > 0 ? "," : "") + std::to_string(from) + "-" + std::to_string(to);
        for (unsigned i = from; i <= to; ++i) means[i] = true;
      }
    }
  }
};

}  // namespace

TEST_CASE("A cron's next time is the first one after the moment, in UTC") {
  CHECK(next("0 0 * * *", at(2026, 11, 21, 23, 59, 59)) == "2026-11-22 0:0");
  CHECK(next("0 0 * * *", at(2026, 11, 22)) == "2026-11-23 0:0");
  CHECK(next("*/15 9-17 * * *", at(2026, 11, 21, 9, 15)) == "2026-11-21 9:30");
  CHECK(next("*/15 9-17 * * *", at(2026, 11, 21, 17, 45)) == "2026-11-22 9:0");
  CHECK(next("30 6 * * mon-fri", at(2026, 11, 21)) == "2026-11-23 6:30");
  CHECK(next("0 12 * JAN,jul Sun", at(2026, 11, 21)) == "2027-01-03 12:0");
}

TEST_CASE("The first of the month comes after months of any length") {
  const auto monthly = cron("0 0 1 * *");
  auto time = at(2027, 12, 31, 23, 59);
  for (unsigned m = 1; m <= 12; ++m) {
    time = monthly.next_after(time);
    CHECK(time == at(2028, m, 1));
    CHECK(monthly.last_until(at(2028, m, 15, 3)) == at(2028, m, 1));
  }
}

TEST_CASE("A day that only some months or years have is skipped in the others") {
  CHECK(next("0 0 31 * *", at(2026, 1, 31)) == "2026-03-31 0:0");
  CHECK(next("0 0 29 2 *", at(2024, 2, 29)) == "2028-02-29 0:0");
  CHECK(next("0 0 29 2 *", at(2096, 2, 29)) == "2104-02-29 0:0");
  CHECK(text(cron("0 0 29 2 *").last_until(at(2104, 2, 28))) == "2096-02-29 0:0");
}

TEST_CASE("Of a day of the month and one of the week either is enough, unless one begins with *") {
  CHECK(next("0 0 13 * fri", at(2026, 11, 21)) == "2026-11-27 0:0");
  CHECK(next("0 0 13 * fri", at(2026, 12, 12)) == "2026-12-13 0:0");
  CHECK(next("0 0 */2 * fri", at(2026, 11, 21)) == "2026-11-27 0:0");
  CHECK(next("0 0 */2 * fri", at(2026, 11, 27)) == "2026-12-11 0:0");
}

TEST_CASE("Short names stand for their times, and Sunday is 0 and 7") {
  CHECK(next("@daily", at(2026, 11, 21, 1)) == "2026-11-22 0:0");
  CHECK(next("@monthly", at(2026, 11, 21)) == "2026-12-01 0:0");
  CHECK(next("@yearly", at(2026, 11, 21)) == "2027-01-01 0:0");
  CHECK(next("@weekly", at(2026, 11, 21)) == next("0 0 * * 7", at(2026, 11, 21)));
}

TEST_CASE("What is wrong with a cron is said") {
  CHECK(error("0 0 * *") ==
        "'0 0 * *' has 4 fields; there are 5: minute, hour, day of month, month, day of week");
  CHECK(error("60 * * * *") == "minute: '60' is not 0 to 59");
  CHECK(error("* 24 * * *") == "hour: '24' is not 0 to 23");
  CHECK(error("* * 0 * *") == "day of month: '0' is not 1 to 31");
  CHECK(error("* * * foo *") == "month: 'foo' is not 1 to 12 or a name of 3 letters");
  CHECK(error("* * * * fri-mon") == "day of week: 'fri-mon' ends before it begins");
  CHECK(error("*/0 * * * *") == "minute: '*/0' is not a step; write */5, or 10-20/5");
  CHECK(error("5/2 * * * *") == "minute: '5/2' is not a step; write */5, or 10-20/5");
  CHECK(error("1,,2 * * * *") == "minute: '' is not 0 to 59");
  CHECK(error("0 0 30 2 *") == "'0 0 30 2 *' never comes");
  CHECK(error("@dayly").starts_with("'@dayly' is not a time (did you mean '@daily'?)"));
}

TEST_CASE("Next and last are those that looking at every minute finds") {
  std::minstd_rand random(20261121);
  for (int round = 0; round < 60; ++round) {
    const RandomField minute(random, 0, 59), hour(random, 0, 23), day(random, 1, 31),
        month_field(random, 1, 12), weekday_field(random, 0, 6);
    const auto times = minute.text + " " + hour.text + " " + day.text + " " + month_field.text +
                       " " + weekday_field.text;
    CAPTURE(times);
    const auto made = Cron::parse(times);
    if (!made) continue;  // 31-31 of February.
    const auto holds = [&](ServerTime time) {
      const year_month_day date(date_of(time));
      const auto of_day = time.time_since_epoch() % days(1);
      const bool on_day = day.means[static_cast<unsigned>(date.day())];
      const bool on_weekday = weekday_field.means[weekday(date_of(time)).c_encoding()];
      const bool both = day.text[0] == '*' || weekday_field.text[0] == '*';
      return minute.means[static_cast<std::size_t>(of_day % hours(1) / minutes(1))] &&
             hour.means[static_cast<std::size_t>(of_day / hours(1))] &&
             month_field.means[static_cast<unsigned>(date.month())] &&
             (both ? on_day && on_weekday : on_day || on_weekday);
    };
    // From a moment around the end of February of a leap year or not, or around a year's end.
    const ServerTime begins[]{at(2028, 2, 27, 22, 13, 7), at(2027, 2, 27, 5), at(2026, 12, 30, 23)};
    const auto begin = begins[round % 3];
    auto time = std::chrono::floor<minutes>(begin) + minutes(1);
    for (int i = 0; i < 40'000 && !holds(time); ++i) time += minutes(1);
    if (!holds(time)) continue;  // Too far away to be looked for like this.
    const auto found = made->next_after(begin);
    CHECK_MESSAGE(found == time, text(found) << " is not " << text(time));
    CHECK(made->last_until(time) == time);
    CHECK(made->last_until(time - milliseconds(1)) < begin + milliseconds(1));
  }
}
