#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "policies/core.hpp"
#include "policies/request.hpp"

namespace pannier::policies {

// Which version of a key under a rule with transparent versions a client gets.
//
// Everybody uses the current version, or, where versions have weights, the one at the place that
// the client's name has (without a name: its connection's number in this sidecar). No connection is
// ever served an older version than it has seen.

/// REQUIRES that `version` is the one of `rule`.
std::uint64_t served_version(const Core& core, const Client& client, const RuleSettings& rule,
                             const KeyVersions::Version& version);

/// Finds out what upstream calls a key whose rule has that version, and of which version it is.
/// \returns false if that is retired, for everybody or for this client.
bool name_version(const Core& core, const Request& request, KeyUse& use,
                  const KeyVersions::Version& version);

/// The client is served these versions, or writes them.
void see_versions(const Request& request);

/// The same key in the version before, while that may be served in place of one that is missing
/// (`fallback: stale`, in the grace after a bump); else null.
SubjectRef version_before(const Core& core, const Subject& subject);

/// Whether that client may get it: it has not seen the key's version, nor may it before this reply.
/// `own_waits`: how many of its waits are the one that is answered.
bool may_see_before(const Core& core, ClientId client, const Subject& subject,
                    std::uint32_t own_waits);

/// Whether the client may get the version before if the key is missing now.
bool falls_back(const Core& core, const Subject& subject, const Client& client);

/// The client is told what a key of that version holds.
void saw_version(const Core& core, ClientId client, const Subject& subject);

/// The request is answered with a value of the version before.
void fell_back(const Core& core, Ticket to, const Subject& before);

/// Whether a later request was answered with an older version meanwhile: then what is there now
/// must not be told, and the key is as good as missing.
bool is_too_new(const Core& core, Ticket to, const Subject& subject);

/// What the client may see of upstream's names (ShownNames).
class ClientNames final : public ShownNames {
 public:
  ClientNames(const Core& core, const Client& client) : core_(core), client_(client) {}
  std::optional<std::string_view> shown(std::string_view upstream) const override;

 private:
  const Core& core_;
  const Client& client_;
};

/// The reply with the names that its client uses, if it carries any; then it lies in `storage`.
std::string_view with_client_names(Core& core, Ticket to, std::string_view reply,
                                   std::string& storage);

}  // namespace pannier::policies
