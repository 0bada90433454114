#include "policies/command_policy.hpp"

#include "policies/settings.hpp"

namespace pannier::policies {

using protocol::lower;

CommandPolicy::CommandPolicy(const std::vector<std::string>& denied)
    : denied_(denied.begin(), denied.end()), concerned_(protocol::all_commands().size()) {
  const auto table = protocol::all_commands();
  for (const auto& name : denied_) {
    const auto* spec = protocol::find_command(name.substr(0, name.find('|')));
    if (spec == nullptr) {
      unknown_ = true;
    } else {
      concerned_[static_cast<std::size_t>(spec - table.data())] = true;
    }
  }
}

std::string_view CommandPolicy::refuses(const protocol::CommandSpec* spec,
                                        const protocol::Command& command) const {
  if (denied_.empty()) return {};
  if (spec == nullptr) return unknown_ ? look_up(lower(command.name()), command) : "";
  const auto place = static_cast<std::size_t>(spec - protocol::all_commands().data());
  return concerned_[place] ? look_up(spec->name, command) : std::string_view();
}

std::string_view CommandPolicy::look_up(std::string_view name,
                                        const protocol::Command& command) const {
  if (const auto whole = denied_.find(name); whole != denied_.end()) return *whole;
  if (command.args.size() < 2) return {};
  const auto part = denied_.find(std::string(name) + "|" + lower(command.args[1]));
  return part == denied_.end() ? std::string_view() : *part;
}

const std::vector<std::string>& denied_by_default() {
  static const std::vector<std::string> names{
      "bgrewriteaof",
      "bgsave",
      "client|kill",
      "client|pause",
      "cluster|addslots",
      "cluster|addslotsrange",
      "cluster|bumpepoch",
      "cluster|delslots",
      "cluster|delslotsrange",
      "cluster|failover",
      "cluster|flushslots",
      "cluster|forget",
      "cluster|meet",
      "cluster|replicate",
      "cluster|reset",
      "cluster|saveconfig",
      "cluster|set-config-epoch",
      "cluster|setslot",
      "config|rewrite",
      "config|set",
      "debug",
      "failover",
      "migrate",
      "module",
      "monitor",
      "psync",
      "replconf",
      "replicaof",
      "save",
      "shutdown",
      "slaveof",
      "swapdb",
      "sync",
  };
  return names;
}

}  // namespace pannier::policies
