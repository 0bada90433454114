#include "proxy/schedule_runner.hpp"

#include <algorithm>
#include <utility>

#include "policies/events.hpp"
#include "protocol/reply.hpp"
#include "proxy/log.hpp"

namespace pannier::proxy {

using policies::Schedule;

namespace {

constexpr policies::seconds between_questions{2};

std::string text_of(policies::ServerTime time) {
  const auto second = std::chrono::floor<policies::seconds>(time.time_since_epoch());
  return std::to_string(second.count());
}

}  // namespace

std::string told_of_warming(std::string_view reply) {
  protocol::ReplyReader reader(reply);
  const auto head = reader.next();
  std::string told(head.error() ? head.text : "");
  for (auto left = head.kind == '%' ? head.number : 0; left > 0; --left) {
    const auto part = reader.next();
    told += (told.empty() ? "" : " ") +
            (part.kind == ':' ? std::to_string(part.number) : std::string(part.text));
  }
  return told;
}

void ScheduleRunner::reload(const policies::Settings& settings) {
  const auto before = std::exchange(schedules_, {});
  if (!settings.automation) return;
  const auto now = server_.pipeline().core().server_floor();
  for (const auto& one : settings.automation->schedules) {
    auto schedule = *Schedule::make(one);  // The configuration has been checked.
    const auto known = std::ranges::find_if(before, [&](const Running& running) {
      return running.schedule.settings().name == one.name;
    });
    const auto since = schedule.seen(now);
    schedules_.push_back({std::move(schedule), since, !one.catch_up});
    if (known == before.end()) continue;
    schedules_.back().since = std::max(since, known->since);
    schedules_.back().caught_up = known->caught_up || !one.catch_up;
  }
}

void ScheduleRunner::tick() {
  const auto& core = server_.pipeline().core();
  const auto now = core.server_floor();
  for (auto& running : schedules_) {
    // Before upstream has been heard of, nobody knows what was missed, nor what time it is there.
    if (!running.caught_up && core.upstream == policies::Core::UpstreamState::up) {
      running.caught_up = true;
      running.since = std::max(running.since, running.schedule.seen(now));
      claim(running.schedule, {running.since, true}, true);
      continue;
    }
    look(running, now);
  }
}

void ScheduleRunner::look(Running& running, policies::ServerTime now) {
  const auto due = running.schedule.due(running.since, now);
  running.since = std::max(running.since, running.schedule.seen(now));
  if (due) {
    running.elsewhere.reset();
    return claim(running.schedule, *due, false);
  }
  if (!running.elsewhere || server_.turn().now < running.ask_at) return;
  claim(running.schedule, *std::exchange(running.elsewhere, std::nullopt), false);
}

ScheduleRunner::Running* ScheduleRunner::find(std::string_view name) {
  const auto at = std::ranges::find_if(
      schedules_, [&](const Running& running) { return running.schedule.settings().name == name; });
  return at == schedules_.end() ? nullptr : &*at;
}

void ScheduleRunner::claim(const Schedule& schedule, Schedule::Run due, bool is_start) {
  const auto settings = schedule.settings();
  calls_.make(
      [&](policies::Client& client, policies::TimePoint now) {
        server_.pipeline().claim_run(
            client, settings.name, due.time, is_start,
            settings.sql.empty() ? policies::milliseconds(0) : 2 * settings.sql_timeout, now);
      },
      [this, settings, due, is_start](std::string_view reply) {
        const auto view = protocol::ReplyReader(reply).next();
        if (view.error()) {
          log::warning("schedule_unclaimed",
                       {{"schedule", settings.name}, {"error", std::string(view.text)}});
          if (is_start) return;
        } else if (view.number != 1) {
          auto* running = view.number == 2 ? find(settings.name) : nullptr;
          if (running == nullptr || running->since > due.time) return;
          running->elsewhere = due;
          running->ask_at = server_.turn().now + between_questions;
          return;
        }
        run(settings, due);
      });
}

void ScheduleRunner::run(const policies::ScheduleSettings& settings, Schedule::Run due) {
  auto& counters = server_.pipeline().counters();
  ++counters.schedule_runs;
  counters.schedule_runs_late += due.is_late ? 1 : 0;
  if (settings.sql.empty()) return invalidate(settings, due);
  const auto began = server_.turn().now;
  SqlQuery query;
  query.sql = settings.sql;
  query.timeout = settings.sql_timeout + policies::seconds(1);
  jobs_.run(settings.database, {settings.sql_timeout, true}, std::move(query),
            [this, settings, due, began](const SqlAnswer& answer) {
              using Kind = SqlAnswer::Kind;
              const auto took =
                  std::chrono::duration_cast<policies::milliseconds>(server_.turn().now - began);
              if (answer.kind > Kind::null) {
                ++server_.pipeline().counters().schedule_failures;
                log::error("schedule_failed", {{"schedule", settings.name},
                                               {"error", answer.error},
                                               {"sqlstate", answer.sqlstate},
                                               {"time", text_of(due.time)},
                                               {"took_ms", std::to_string(took.count())}});
                // Of what was under way nobody knows whether it has taken effect. To invalidate
                // costs a load; not to would leave what was there before.
                const bool is_unknown = answer.kind == Kind::lost || answer.kind == Kind::timeout ||
                                        answer.kind == Kind::unavailable;
                if (is_unknown) invalidate(settings, due);
                return;  // Else another sidecar tries once this one's time is over.
              }
              log::info("schedule_sql", {{"schedule", settings.name},
                                         {"time", text_of(due.time)},
                                         {"took_ms", std::to_string(took.count())}});
              invalidate(settings, due);
            });
}

void ScheduleRunner::invalidate(const policies::ScheduleSettings& settings, Schedule::Run due) {
  const auto nothing = policies::JsonDocument::parse("{}");
  const auto targets = policies::Targets::compile(settings.invalidate);
  auto what = targets->fill(*nothing, server_.settings().limits.max_targets.value);
  if (!what) {
    log::error("schedule_failed", {{"schedule", settings.name}, {"error", what.error()}});
    return;
  }
  if (what->size() == 0) return warm(settings, due);
  what->by = "schedule " + settings.name;
  calls_.invalidate(std::move(*what), [this, settings, due](std::string_view reply) {
    const auto view = protocol::ReplyReader(reply).next();
    const auto outcome = view.kind == ':' ? std::to_string(view.number) : std::string(view.text);
    log::info("schedule_run", {{"schedule", settings.name},
                               {"time", text_of(due.time)},
                               {"late", due.is_late ? "true" : "false"},
                               {"removed", outcome}});
    warm(settings, due);
  });
}

void ScheduleRunner::warm(const policies::ScheduleSettings& settings, Schedule::Run due) {
  // What is warm is each one's own, and may take long: nobody is to run all of it again for that.
  finish(settings.name, due.time);
  if (settings.warm.empty()) return;
  calls_.warm(settings.warm, [name = settings.name](std::string_view reply) {
    log::info("schedule_warmed", {{"schedule", name}, {"told", told_of_warming(reply)}});
  });
}

void ScheduleRunner::finish(const std::string& name, policies::ServerTime time) {
  // If that cannot be said, another sidecar runs it once more, which costs a load.
  calls_.make(
      [&](policies::Client& client, policies::TimePoint now) {
        server_.pipeline().finish_run(client, name, time, now);
      },
      [](std::string_view) {});
}

}  // namespace pannier::proxy
