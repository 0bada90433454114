#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policies/settings.hpp"
#include "policies/time.hpp"
#include "proxy/admin_request.hpp"

namespace pannier::proxy {

/// So many at once, and so many a second.
class RateLimit {
 public:
  explicit RateLimit(double per_second) : per_second_(per_second), left_(per_second) {}
  /// \returns whether there was one left.
  bool take(policies::TimePoint now);

 private:
  double per_second_, left_;
  policies::TimePoint at_{};
};

/// Who may do what on the admin port, by the tokens of the configuration. Without tokens whoever
/// reaches the port may do everything.
class AdminAccess {
 public:
  explicit AdminAccess(const policies::AdminSettings& settings);

  /// Who asks: `name` is the token's. Compares with every token, in a time that depends on nothing
  /// but the length of what was sent.
  struct Caller {
    policies::Role role = policies::Role::none;
    std::string name;
  };
  Caller caller(const RequestHead& head) const;
  bool has_tokens() const { return !tokens_.empty(); }

  /// Why `caller` may not have this route now: 401, 403, or 429 for failures beyond 10 a second and
  /// changes beyond 100. A right token is never refused for others' wrong ones: the limit keeps
  /// guessing from costing anything, it is not what makes it hopeless.
  std::optional<Refusal> objection(const Caller& caller, const Route& route,
                                   policies::TimePoint now);
  /// The same for a path that is refused anyway: who has no token is not told what there is.
  std::optional<Refusal> objection(const Caller& caller, policies::TimePoint now);

 private:
  Refusal failed(Refusal refusal, policies::TimePoint now);

  std::vector<policies::AdminSettings::Token> tokens_;
  bool open_metrics_;
  RateLimit failures_{10}, changes_{100};
};

}  // namespace pannier::proxy
