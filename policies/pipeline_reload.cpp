// Other settings from now on.

#include <algorithm>

#include "policies/automation.hpp"
#include "policies/pipeline.hpp"

namespace pannier::policies {

void Pipeline::reload(Settings settings) {
  core_.memory.resize(settings.memory.max_bytes.value);
  core_.copies.resize(settings.local.max_bytes.value);
  core_.versions.configure(settings);
  core_.self_check.configure(settings.self_check.sample, settings.upstream.max_lag);
  const auto& automation = settings.automation;
  core_.wants_hot = automation && std::ranges::any_of(automation->warm, [](const auto& set) {
                      return set.hot.value > 0;
                    });
  if (!core_.wants_hot) core_.hot.clear();
  core_.origin_memory.clear();  // Another query may say something else.
  if (core_.rules && core_.rules->settings().mode != settings.mode) {
    core_.mode = settings.mode;
    core_.mode_from = settings.mode_from;
  }
  policy_ = CommandPolicy(settings.deny);
  const auto before = core_.rules ? core_.rules->kept_past_end() : std::string();
  const bool found_tags = core_.rules && core_.rules->finds_tags();
  core_.rules = std::make_shared<const RuleSet>(settings, core_.book);
  // Tags are kept with copies as they were found.
  if (core_.rules->kept_past_end() != before || found_tags) core_.copies.outdate_all();
  if (core_.upstream == Core::UpstreamState::absent) core_.versions.settle_without_upstream();
  remember_invalidations();
  // What they have sent under other rules may change keys that have copies under these.
  for (const auto& [id, client] : core_.clients) client->fence_due |= client->open > 0;
}

}  // namespace pannier::policies
