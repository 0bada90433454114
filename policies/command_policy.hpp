#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/command_table.hpp"

namespace pannier::policies {

/// Which commands are refused whoever asks: dangerous to the server that many share, or useless
/// behind a sidecar. What scripts call is not seen here; an ACL user upstream guards against that.
class CommandPolicy {
 public:
  CommandPolicy() = default;
  /// \param denied names such as `monitor` or `config|set`, in lower case.
  explicit CommandPolicy(const std::vector<std::string>& denied);

  /// The denied name a command falls under; empty if it may go on.
  std::string_view refuses(const protocol::CommandSpec* spec,
                           const protocol::Command& command) const;

 private:
  std::string_view look_up(std::string_view name, const protocol::Command& command) const;

  std::set<std::string, std::less<>> denied_;
  std::vector<bool> concerned_;  ///< By place in the command table: it or a subcommand is denied.
  bool unknown_ = false;         ///< A name is denied that the table does not know.
};

}  // namespace pannier::policies
