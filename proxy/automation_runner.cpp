#include "proxy/automation_runner.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "proxy/log.hpp"

namespace pannier::proxy {

namespace {

constexpr policies::milliseconds interval{50};
constexpr policies::seconds longest_warming{30};

bool are_equal(const policies::SourceSettings& a, const policies::SourceSettings& b) {
  const auto all = [](const policies::SourceSettings& s) {
    return std::tie(s.redis_channel, s.postgres_channel, s.address, s.event, s.flush_at_start,
                    s.events);
  };
  return all(a) == all(b);
}

}  // namespace

AutomationRunner::AutomationRunner(Server& server)
    : server_(server),
      calls_(server),
      fetcher_(server, calls_),
      intake_(server, calls_),
      jobs_(server),
      tables_(server, jobs_),
      schedules_(server, calls_, jobs_),
      hooks_(server),
      clock_(server.loop()) {
  server_.tell([this](const policies::AuditRecord& record) { hooks_.tell(record); });
  server_.fetch_by([this](policies::KeyFetch fetch) { return fetcher_.take(std::move(fetch)); });
}

AutomationRunner::~AutomationRunner() {
  server_.tell({});
  server_.fetch_by({});
  for (const auto& channel : channels_) channel->stop();
}

void AutomationRunner::reload() {
  const auto& settings = server_.settings();
  intake_.reload(settings);
  jobs_.reload();
  schedules_.reload(settings);
  hooks_.reload(settings);
  const auto before = std::exchange(channels_, {});
  const auto sources =
      settings.automation ? settings.automation->sources : std::vector<policies::SourceSettings>();
  for (const auto& source : sources) {
    const auto known = std::ranges::find_if(
        before, [&](const auto& channel) { return are_equal(channel->settings(), source); });
    if (known != before.end()) {
      channels_.push_back(*known);
      continue;
    }
    channels_.push_back(std::make_shared<ChannelSource>(server_, calls_, intake_, source));
    channels_.back()->start();
  }
  for (const auto& channel : before) {
    if (std::ranges::find(channels_, channel) == channels_.end()) channel->stop();
  }
  clock_.cancel();
  if (!settings.automation) {
    start_ = Start::warm;
    return;
  }
  tick();
}

bool AutomationRunner::is_warm() const {
  return start_ == Start::warm || server_.pipeline_state() == policies::Core::UpstreamState::down;
}

void AutomationRunner::warm_at_start(policies::TimePoint now) {
  const auto& sets = server_.settings().automation->warm;
  if (cold_until_ == policies::TimePoint{}) cold_until_ = now + longest_warming;
  const bool has_any = std::ranges::any_of(sets, &policies::WarmSettings::at_start);
  if (now >= cold_until_) {
    log::warning("warm_start", {{"text", "not all is warm; ready all the same"}});
    start_ = Start::warm;
  } else if (!has_any) {
    start_ = Start::warm;
  }
  using State = policies::Core::UpstreamState;
  const auto upstream = server_.pipeline().core().upstream;
  if (start_ != Start::cold || (upstream != State::up && upstream != State::absent)) return;
  start_ = Start::warming;
  for (const auto& set : sets) {
    if (!set.at_start) continue;
    ++warming_;
    calls_.warm(set.name, [this, name = set.name](std::string_view reply) {
      log::info("warmed", {{"set", name}, {"told", told_of_warming(reply)}});
      if (--warming_ == 0) start_ = Start::warm;
    });
  }
}

void AutomationRunner::tick() {
  const auto now = server_.begin_turn().now;
  if (start_ != Start::warm) warm_at_start(now);
  for (const auto& channel : channels_) channel->tick(now);
  schedules_.tick();
  hooks_.tick(now);
  clock_.expires_after(interval);
  clock_.async_wait([this](boost::system::error_code error) {
    if (!error) tick();
  });
}

}  // namespace pannier::proxy
