#include "proxy/automation_runner.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

namespace pannier::proxy {

namespace {

constexpr policies::milliseconds interval{50};

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
      intake_(server, calls_),
      schedules_(server, calls_),
      hooks_(server),
      clock_(server.loop()) {
  server_.tell([this](const policies::AuditRecord& record) { hooks_.tell(record); });
}

AutomationRunner::~AutomationRunner() {
  server_.tell({});
  for (const auto& channel : channels_) channel->stop();
}

void AutomationRunner::reload() {
  const auto& settings = server_.settings();
  intake_.reload(settings);
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
  if (settings.automation) tick();
}

void AutomationRunner::tick() {
  const auto now = server_.begin_turn().now;
  for (const auto& channel : channels_) channel->tick(now);
  schedules_.tick();
  hooks_.tick(now);
  clock_.expires_after(interval);
  clock_.async_wait([this](boost::system::error_code error) {
    if (!error) tick();
  });
}

}  // namespace pannier::proxy
