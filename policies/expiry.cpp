#include "policies/expiry.hpp"

#include <xxhash.h>

#include <algorithm>

#include "policies/test_bugs.hpp"

namespace pannier::policies {

namespace {

/// In [0, 1), fixed for ever: sidecars of different builds must agree on a key's jitter.
double share_of(std::string_view key) {
  constexpr XXH64_hash_t seed = 0x70616e6e696572;  // "pannier"
  const auto hash = XXH3_64bits_withSeed(key.data(), key.size(), seed);
  return static_cast<double>(hash >> 11) * 0x1.0p-53;
}

Life life_for(const TierSettings& tier, std::string_view key, milliseconds fresh) {
  if (tier.jitter.value > 0) {
    const double kept = 1.0 - tier.jitter.value * share_of(key);
    fresh = milliseconds(static_cast<std::int64_t>(static_cast<double>(fresh.count()) * kept));
  }
  fresh = std::max(fresh, milliseconds(1));
  return {fresh, fresh + tier.stale};
}

}  // namespace

Life life_of(const TierSettings& tier, std::string_view key) {
  return life_for(tier, key, tier.ttl);
}

Life life_of(const TierSettings& tier, std::string_view key, const Match& match, ServerTime now) {
  if (!tier.dated) return life_of(tier, key);
  return life_for(tier, key, tier.dated.ttl(match.capture(tier.dated.capture), date_of(now)));
}

Standing judge(std::int64_t expiretime, ServerTime now, const Life& life,
               std::optional<ServerTime> newest, std::optional<ServerTime> soft) {
  using State = Standing::State;
  if (expiretime == -2) return {State::invalid, {}, {}};
  const auto of_unknown_age = newest || soft ? State::invalid : State::foreign;
  if (expiretime < 0) return {of_unknown_age, {}, {}};
  const ServerTime expiry{milliseconds(expiretime)};
  const auto remaining = expiry - now;
  if (remaining <= milliseconds(0)) return {State::invalid, {}, {}};
  const auto born = expiry - life.total;
  // What is loaded in the very millisecond of an invalidation counts as loaded in the next one.
  const bool just_after =
      (newest && born == *newest + milliseconds(1)) || (soft && born == *soft + milliseconds(1));
  if (born > now && !just_after) return {of_unknown_age, remaining, {}};
  Standing standing{State::fresh, remaining, std::max(now - born, milliseconds(0))};
  if (newest && born <= *newest && !has(Bug::refuse_nothing)) {
    standing.state = State::invalid;
  } else if (remaining <= life.total - life.fresh) {
    standing.state = State::stale;
  }
  if (!soft || born > *soft || standing.state == State::invalid) return standing;
  const auto left = *soft + (life.total - life.fresh) - now;
  standing.state = left > milliseconds(0) ? State::stale : State::invalid;
  standing.remaining = std::min(standing.remaining, left);
  return standing;
}

ServerTime expiry_for(const TierSettings& tier, const Life& life, ServerTime born,
                      std::optional<milliseconds> asked, bool tagged) {
  auto fresh = life.fresh;
  if (asked) {
    switch (tier.ttl_mode) {
      case TtlMode::tier:
        break;
      case TtlMode::cap:
        fresh = std::min(fresh, *asked);
        break;
      case TtlMode::by_default:
        // A longer life than the tier's would hide when the value was born, and with it whether
        // an invalidation of its tags came after it.
        fresh = tagged ? std::min(fresh, *asked) : *asked;
        break;
    }
  }
  return born + fresh + (life.total - life.fresh);
}

}  // namespace pannier::policies
