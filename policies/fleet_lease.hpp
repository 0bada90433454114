#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "policies/core.hpp"

namespace pannier::policies {

/// The lease of a key in the whole fleet: a record beside the key upstream, `pn:l:<key>`, that
/// names who has it and dies by itself. Whoever has it may tell one of its clients that the key is
/// missing; the others wait until the key or the record changes, of which upstream tells them.
///
/// The idea is Redis's own lock with a token (SET NX PX), taken here on behalf of clients that know
/// nothing about it. It spares loads and protects nothing: one that is lost costs a load more.
namespace fleet_lease {

inline constexpr std::string_view key_prefix = "pn:l:";
/// What upstream calls that of this key.
std::string record(std::string_view key);

/// Appends the attempt to get it for `time`, and the question how long it is taken otherwise; a
/// change of it is pushed from then on, if upstream pushes. \returns the number of replies.
std::uint32_t append_claim(std::string& wire, std::string_view key, std::string_view token,
                           microseconds time, bool tracks);

/// Appends: if it is still ours, give it back. One reply.
void append_release(std::string& wire, std::string_view key, std::string_view token);

/// What the replies to a claim say, one after the other.
class Claim {
 public:
  Claim(std::string token, bool tracks) : token_(std::move(token)), tracks_(tracks) {}
  void settle(std::size_t part, std::string_view reply);

  /// Nobody else has it: it is ours under token(), which is empty if upstream would not say (then
  /// the sidecars act each for itself).
  bool won() const { return won_; }
  const std::string& token() const { return token_; }
  /// How long the other one may have it.
  microseconds taken_for() const { return taken_for_; }

 private:
  std::string token_;
  bool tracks_, won_ = false;
  microseconds taken_for_{0};
};

/// If it is still ours: keep it for another `time`; 0 gives it back.
void hold(Core& core, const Subject& subject, std::string_view token, microseconds time);
void release(Core& core, const Subject& subject, std::string_view token);

/// Tries to get it for a lease that this sidecar has granted already, without waiting.
void claim_behind(Core& core, const SubjectRef& subject);

}  // namespace fleet_lease
}  // namespace pannier::policies
