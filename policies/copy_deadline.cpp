#include "policies/copy_deadline.hpp"

#include <algorithm>

#include "policies/refresh.hpp"
#include "policies/test_bugs.hpp"

namespace pannier::policies {

namespace {

/// How long a copy lives of which its tier says `asked`.
milliseconds longest_time(milliseconds asked, const LocalCopies::View& sent, const Core& core) {
  const auto& settings = core.rules->settings();
  const auto most = std::min(asked, settings.local.max_ttl);
  // Without pushes a copy is as old as it may be when it was kept that long.
  return sent.tracked ? most : std::min(most, settings.upstream.max_lag);
}

/// A copy would keep readers from being told to refresh: it ends when the next one is due.
milliseconds until_due(const Core& core, const Subject& subject, const Standing& standing) {
  const auto& tier = *subject.rule->tier;
  const bool loads = core.leases.held(subject.table_key);
  if (tier.refresh.how == Refresh::How::off || loads) return milliseconds::max();
  if (core.throttle.holds(subject.table_key, core.now)) {
    return core.rules->settings().upstream.max_lag;
  }
  const auto load = core.learning.usual_load(subject.rule->settings->name);
  const auto drawn = draw(subject.table_key, core.now, core.next_exchange);
  return std::chrono::duration_cast<milliseconds>(
      until_refresh(tier, subject.life, standing, load, drawn));
}

}  // namespace

TimePoint copy_deadline(const ValidityCheck& check, const LocalCopies::View& sent,
                        const Core& core) {
  const auto& subject = check.subject();
  const auto& tier = *subject.rule->tier;
  const auto standing = check.look(core);
  const auto window = subject.life.total - subject.life.fresh;
  const auto time = longest_time(tier.local.ttl, sent, core);
  const auto from = has(Bug::ttl_from_reply) ? core.now : sent.sent;
  switch (standing.state) {
    case Standing::State::fresh:
    case Standing::State::stale:
      return from +
             std::min({time, standing.remaining - window, until_due(core, subject, standing)});
    case Standing::State::foreign:
      // What is adopted changes at once, and one with another expiry is not to be told from that.
      if (tier.foreign != Foreign::trust || check.expiretime() != -1) return {};
      return from + std::min(time, subject.life.fresh);
    case Standing::State::invalid:
      break;
  }
  return {};
}

TimePoint negative_deadline(const Subject& subject, const LocalCopies::View& sent,
                            const Core& core) {
  return sent.sent + longest_time(subject.rule->tier->negative, sent, core);
}

}  // namespace pannier::policies
