#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "policies/time.hpp"

namespace pannier::policies {

/// What the handshake of the lane tells about upstream.
struct ServerInfo {
  std::string version = "7.0.0";
  std::uint32_t databases = 16;
  bool tracks = true;  ///< CLIENT TRACKING is allowed: what is read stays current until a push.
  std::string untracked_because;  ///< Upstream's words if it is not.
  bool is_replica = false;
  std::optional<ServerTime> time;  ///< Its clock, where it tells.
};

}  // namespace pannier::policies
