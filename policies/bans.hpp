#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "policies/time.hpp"

namespace pannier::policies {

/// Patterns that were invalidated: every value whose load began before is invalid, from this
/// moment and until the last such value must have died by itself. The idea is Varnish's ban list.
/// Bounded; where a ban must be dropped early the list remembers to distrust everything as old.
class Bans {
 public:
  static constexpr std::size_t capacity = 1'000;

  void add(std::string pattern, ServerTime at, ServerTime until);
  /// The newest ban a key falls under.
  std::optional<ServerTime> newest(std::string_view key) const;
  void forget_old(ServerTime now);

  std::size_t size() const { return bans_.size(); }
  bool empty() const { return bans_.empty() && !everything_; }

 private:
  struct Ban {
    std::string pattern;
    ServerTime at, until;
  };
  std::deque<Ban> bans_;                  ///< Oldest first.
  std::optional<ServerTime> everything_;  ///< What the bans dropped for lack of room had said.
  ServerTime everything_until_{};
};

}  // namespace pannier::policies
