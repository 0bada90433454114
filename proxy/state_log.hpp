#pragma once

#include <cstdint>
#include <string>

#include "policies/audit.hpp"
#include "policies/core.hpp"

namespace pannier::proxy {

/// Logs what becomes of the cache as a whole: each invalidation that has ended, and each change of
/// the mode, the circuit breaker and the journal.
///
///     event=invalidated by="http (ci)" what="tag tenant:7" count=3 outcome=done took_ms=1
///     event=mode mode=bypass from="PANNIER MODE"
///     event=breaker state=open
///     event=journal state=filling entries=1
///
/// Of invalidations at most 20 a second; how many were left out stands in the next line.
class StateLog {
 public:
  void invalidated(const policies::AuditRecord& record, policies::TimePoint now);
  /// Looks for changes. Call every tick.
  void look(const policies::Core& core);

 private:
  static constexpr std::uint32_t most_a_second = 20;

  policies::TimePoint second_{};  ///< When the one began that is counted.
  std::uint32_t lines_ = 0;
  std::uint64_t left_out_ = 0;
  bool looked_ = false, open_ = false, filled_ = false;
  policies::Mode mode_{};
  std::string mode_from_, refusal_;
};

}  // namespace pannier::proxy
