#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "policies/client.hpp"

namespace pannier::policies {

/// CLIENT LIST, INFO and KILL about the sidecar's own clients, in Redis's words.

/// A client of another kind than these is never connected to a sidecar.
enum class ClientType { normal, pubsub, replica, master };

/// `normal`, `slave`, `replica`, `pubsub`, `master` in any case.
std::optional<ClientType> client_type(std::string_view name);

/// One line of CLIENT LIST with its line end. `names_library`: Redis 7.2 and later.
std::string client_line(const Client& client, const ConnectionFacts& facts, TimePoint now,
                        bool names_library);

/// Which clients CLIENT KILL or CLIENT LIST means.
struct ClientFilter {
  std::optional<ClientId> id;
  std::optional<ClientType> type;
  std::optional<std::string_view> address, local_address;
  bool skip_me = true;
  bool is_old = false;  ///< `CLIENT KILL addr:port`: one client, and OK.
  std::string error;    ///< The whole error text if the arguments are wrong.

  /// The words behind CLIENT KILL.
  static ClientFilter of_kill(std::span<const std::string_view> words);
  bool meets(const Client& client, const ConnectionFacts& facts) const;
};

}  // namespace pannier::policies
