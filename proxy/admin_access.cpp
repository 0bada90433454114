#include "proxy/admin_access.hpp"

#include <algorithm>
#include <chrono>

#include "protocol/command_table.hpp"

namespace pannier::proxy {

using policies::Role;

namespace {

/// REQUIRES that `secret` is not empty.
bool is_same(std::string_view given, std::string_view secret) {
  volatile unsigned char differs = given.size() != secret.size() ? 1 : 0;
  for (std::size_t i = 0; i < given.size(); ++i) {
    differs = static_cast<unsigned char>(differs | (given[i] ^ secret[i % secret.size()]));
  }
  return differs == 0;
}

/// What follows `Bearer `; empty if there is no such header, or more than one.
std::string_view token_of(const RequestHead& head) {
  constexpr std::string_view scheme = "bearer ";
  if (head.authorizations.size() != 1) return {};
  std::string_view text = head.authorizations[0];
  if (!protocol::equals_nocase(text.substr(0, scheme.size()), scheme)) return {};
  text.remove_prefix(scheme.size());
  while (text.starts_with(' ')) text.remove_prefix(1);
  return text;
}

}  // namespace

bool RateLimit::take(policies::TimePoint now) {
  const std::chrono::duration<double> since = now - at_;
  left_ = std::min(per_second_, left_ + since.count() * per_second_);
  at_ = now;
  if (left_ < 1) return false;
  left_ -= 1;
  return true;
}

AdminAccess::AdminAccess(const policies::AdminSettings& settings)
    : tokens_(settings.tokens), open_metrics_(settings.open_metrics) {}

AdminAccess::Caller AdminAccess::caller(const RequestHead& head) const {
  if (tokens_.empty()) return {Role::admin, {}};
  const auto given = token_of(head);
  Caller caller;
  for (const auto& token : tokens_) {
    if (is_same(given, token.token)) caller = {token.role, token.name};
  }
  return caller;
}

Refusal AdminAccess::failed(Refusal refusal, policies::TimePoint now) {
  if (failures_.take(now)) return refusal;
  return {429, "too many requests without a right token"};
}

std::optional<Refusal> AdminAccess::objection(const Caller& caller, policies::TimePoint now) {
  if (caller.role != Role::none) return {};
  return failed({401, "this port needs a token: Authorization: Bearer ..."}, now);
}

std::optional<Refusal> AdminAccess::objection(const Caller& caller, const Route& route,
                                              policies::TimePoint now) {
  const bool is_open =
      route.needs == Role::none || (open_metrics_ && route.to == Route::To::metrics);
  if (!is_open) {
    if (auto refusal = objection(caller, now)) return refusal;
    if (caller.role < route.needs) {
      return failed({403, "token '" + caller.name + "' has role " + setting_text(caller.role) +
                              "; this needs " + setting_text(route.needs)},
                    now);
    }
  }
  const bool counts = route.changes && route.to != Route::To::event;  // These have their own limit.
  if (counts && !changes_.take(now)) return Refusal{429, "too many requests; not executed"};
  return {};
}

}  // namespace pannier::proxy
