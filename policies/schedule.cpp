#include "policies/schedule.hpp"

#include <xxhash.h>

namespace pannier::policies {

namespace {

/// A run that comes later than this has been missed: a busy loop is not the reason.
constexpr seconds late_after{60};

}  // namespace

boost::system::result<Schedule, std::string> Schedule::make(const ScheduleSettings& settings) {
  Schedule made(settings);
  const bool has_cron = !settings.cron.empty(), has_every = settings.every.count() > 0;
  if (has_cron == has_every) return std::string("a schedule has either cron or every");
  if (has_every) {
    if (settings.every < seconds(1)) return std::string("every: less than a second is too often");
    if (settings.jitter >= settings.every) return std::string("jitter: it is not less than every");
    return made;
  }
  auto cron = Cron::parse(settings.cron);
  if (!cron) return "cron: " + cron.error();
  made.cron_ = *cron;
  return made;
}

std::optional<Schedule::Run> Schedule::due(ServerTime since, ServerTime now) const {
  const auto latest = seen(now);
  if (latest <= since) return std::nullopt;
  const bool is_late = now - (latest + delay(latest)) >= late_after;
  if (is_late && !settings_.catch_up) return std::nullopt;
  return Run{latest, is_late};
}

ServerTime Schedule::seen(ServerTime now) const {
  const auto latest = last_until(now);
  if (latest + delay(latest) <= now) return latest;
  return last_until(latest - milliseconds(1));
}

ServerTime Schedule::next_after(ServerTime time) const {
  if (cron_) return cron_->next_after(time);
  return last_until(time) + settings_.every;
}

ServerTime Schedule::last_until(ServerTime time) const {
  if (cron_) return cron_->last_until(time);
  const auto since_1970 = time.time_since_epoch();
  return ServerTime(since_1970 - since_1970 % settings_.every);
}

milliseconds Schedule::delay(ServerTime time) const {
  if (settings_.jitter.count() == 0) return milliseconds(0);
  const auto name = settings_.name + ' ' + std::to_string(time.time_since_epoch().count());
  return milliseconds(XXH3_64bits(name.data(), name.size()) %
                      static_cast<std::uint64_t>(settings_.jitter.count() + 1));
}

}  // namespace pannier::policies
