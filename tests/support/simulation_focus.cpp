#include <algorithm>

#include "tests/support/simulation.hpp"

// What some schedules of a simulation are about. A mistake that takes several rare moves in a row
// would else be met once in many thousands.

namespace pannier::tests {

using policies::milliseconds;

namespace {

using Kind = SimulatedKey::Kind;

bool waits_for_nobody(const SimulatedKey* key) { return key->kind == Kind::ruled; }

}  // namespace

/// Half of the schedules are about few keys, and most of these about one thing that may go wrong.
void Simulation::focus() {
  is_focused_ = chance(50);
  if (!is_focused_) return;
  reading_ = 50;
  std::shuffle(keys_.begin(), keys_.end(), random_);
  std::size_t most = 1 + pick(3);
  const auto only = [&](auto is_one) {
    std::erase_if(keys_, [&](const auto* key) { return !is_one(key); });
    most = 1;
  };
  switch (pick(10)) {
    case 0:
      freezing_ = true;
      if (chance(50)) only(waits_for_nobody);
      break;
    case 1:  // A transaction is answered before a read that it has overtaken.
      transacting_ = 30;
      overtaking_ = 4;
      only(waits_for_nobody);
      break;
    case 2:  // Several keys at once, which others change.
      gathering_ = 40;
      only([](const auto* key) { return key->kind == Kind::ruled || key->kind == Kind::leased; });
      most = 3;
      break;
    case 3:  // What changed while no lane could tell.
      may_fail_ = true;
      losing_ = 4;
      only(waits_for_nobody);
      break;
    case 4:
      tagging_ = 4;
      abandoning_ = 0;
      hurries_ = true;
      only([](const auto* key) { return key->kind == Kind::tagged; });
      break;
    case 5:  // One client, whose replies come late.
      may_fail_ = false;
      delaying_ = 4;
      only(waits_for_nobody);
      break;
    case 6:  // Versions that are bumped, and fall back.
      bumping_ = 4;
      gathering_ = 15;
      falls_back_ = true;
      only([](const auto* key) { return key->kind == Kind::version; });
      most = 2;
      break;
    case 7:  // Several invalidations of one millisecond, and loads between them.
      may_fail_ = false;
      is_coarse_ = true;
      tagging_ = 20;
      abandoning_ = 0;
      hurries_ = true;
      only([](const auto* key) { return key->name.starts_with("tag:"); });
      break;
    case 8:  // What one sidecar invalidates, and another reads as soon as that is answered.
      apart_ = 8;
      may_fail_ = false;
      redis_.tracks = true;
      reading_ = 70;
      abandoning_ = 0;
      hurries_ = true;
      only([](const auto* key) { return key->kind == Kind::tagged && !is_guarded(key->name); });
      break;
    default:
      break;
  }
  if (keys_.size() > most) keys_.resize(most);
}

policies::Settings Simulation::settings(std::uint64_t variant) const {
  auto settings = simulated_settings(apart_ > 0 ? variant & ~with_copies : variant);
  if (asks_who_) settings.auth.password = password;
  for (auto& rule : settings.rules) {
    if (!falls_back_ || rule.version.mode != policies::VersionMode::transparent) continue;
    rule.version.fallback = policies::Fallback::stale;
    rule.version.grace = fallback_grace;
  }
  return settings;
}

void Simulation::break_for_a_moment() {
  auto& sidecar = *sidecars_[pick(sidecars_.size())];
  if (sidecar.connecting()) return sidecar.connected();
  log("the lane breaks, and something changes meanwhile");
  sidecar.break_link({policies::Link::Kind::lane, 0, 0});
  write_outside();
  sidecar.connected();
  pass_answered(milliseconds(pick(2'000)));
}

/// The lanes say nothing more for a while, and nobody is told.
void Simulation::fall_silent() {
  if (chance(50)) {
    for (auto& sidecar : sidecars_) sidecar->settle();
  }
  log("the lanes fall silent");
  const bool for_long = chance(50);
  frozen_until_ = now() + milliseconds(pick(3'000) + (for_long ? 1'500 : 0));
  if (for_long || chance(50)) write_outside();
  if (for_long || chance(50)) pass_time(milliseconds(pick(2'000)));
}

void Simulation::delay_replies() {
  auto& sidecar = *sidecars_[pick(sidecars_.size())];
  log("what is asked now is answered late");
  for (const auto link : sidecar.links()) {
    while (sidecar.run_next(link)) {
    }
  }
  pass_time(milliseconds(900));
  pass_answered(milliseconds(pick(2'000)));
}

void Simulation::overtake_lanes() {
  auto& sidecar = *sidecars_[pick(sidecars_.size())];
  log("the lanes' replies are overtaken");
  for (const auto link : sidecar.links()) {
    const bool is_lane = link.kind == policies::Link::Kind::lane;
    while (sidecar.run_next(link) || (!is_lane && sidecar.deliver_next(link))) {
    }
  }
}

/// What upstream says of that to the other sidecar is still on its way.
void Simulation::invalidate_elsewhere() {
  auto& person = people_[pick(people_.size())];
  auto& other = people_[person.at == 0 ? 1 : 0];
  if (fill(other)) return;
  for (auto& sidecar : sidecars_) sidecar->settle();
  for (auto& one : people_) collect(one);
  if (!person.open.empty() || !other.open.empty() || !person.queue.empty()) return;
  log("what one invalidates another reads");
  send(person, invalidation());
  sidecars_[person.at]->settle();
  collect(person);
  send(other, {chance(70) ? "GET" : "MGET", any_key(true)});
}

/// Nothing stands still meanwhile.
void Simulation::pass_answered(milliseconds time) {
  constexpr milliseconds step{200};
  for (; time.count() > 0; time -= step) {
    for (auto& sidecar : sidecars_) sidecar->settle();
    pass_time(std::min(step, time));
  }
  for (auto& sidecar : sidecars_) sidecar->settle();
}

}  // namespace pannier::tests
