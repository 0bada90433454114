#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policies/core.hpp"
#include "protocol/command_table.hpp"

namespace pannier::policies {

/// One key of a command.
struct KeyUse {
  std::uint32_t position = 0;  ///< Among the command's arguments.
  Match match;                 ///< Its rule, if it has one that does anything.
  std::string upstream;        ///< What upstream calls it, where that differs; else empty.
  std::uint64_t version = 0;   ///< As in Subject.
  std::uint32_t version_of = 0;
};

/// A key under a rule, with what follows from both.
std::shared_ptr<Subject> make_subject(const Core& core, const Match& match, std::uint32_t db,
                                      std::string_view client_key, std::string_view upstream_key);

/// A command on its way through the pipeline, with everything found out about it.
struct Request {
  Client& client;
  Ticket ticket;
  const protocol::Command& command;
  const protocol::CommandSpec& spec;
  std::vector<KeyUse> keys;

  std::span<const std::string_view> args() const { return command.args; }
  std::string_view client_key(const KeyUse& use) const { return args()[use.position]; }
  std::string_view upstream_key(const KeyUse& use) const {
    return use.upstream.empty() ? client_key(use) : std::string_view(use.upstream);
  }
  /// The first key that has a rule; there is one in everything the pipeline calls ruled.
  const KeyUse& ruled_key() const;
  bool renames() const;  ///< Whether upstream calls any key otherwise than the client.
  SubjectRef subject(const KeyUse& use, const Core& core) const;
  /// The command with upstream's names for its keys; valid as long as `storage` and the command.
  std::string_view wire(std::string& storage) const;
};

}  // namespace pannier::policies
