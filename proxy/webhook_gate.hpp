#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "policies/automation.hpp"
#include "policies/replay_guard.hpp"
#include "proxy/admin_request.hpp"

namespace pannier::proxy {

/// Who may send events over HTTP. With a secret in the configuration: who signs the body and its
/// time with it, near that time, once. Without: who can send X-Pannier, as for every action.
class WebhookGate {
 public:
  /// Signatures that were used are kept for as long as they could be replayed, here alone: a
  /// restart forgets them, and another sidecar has not seen them.
  std::optional<Refusal> objection(const RequestHead& head, std::string_view body,
                                   const policies::WebhookSettings& settings,
                                   policies::ServerTime wall);

  /// A hundred a second, signed or not; more are to come later.
  std::optional<Refusal> objection_to_rate(policies::TimePoint now);

 private:
  policies::ReplayGuard used_;
  policies::TimePoint second_{};
  std::uint64_t in_second_ = 0;
};

}  // namespace pannier::proxy
