// The memory store in upstream's place.

#include "policies/pipeline.hpp"
#include "protocol/command_parser.hpp"

namespace pannier::policies {

using protocol::Resp;

Verdict Pipeline::answer_from_memory(Client& client, std::string_view wire) {
  if (client.open > 0) return Hold{};
  protocol::Limits limits;
  limits.request_bytes = wire.size();
  protocol::CommandParser parser(limits);
  protocol::Command command;
  std::string reply;
  const auto step = parser.parse(wire, command);
  const bool known =
      step.status == protocol::CommandParser::Status::complete &&
      core_.memory.execute(command, client.db, client.resp, core_.server_floor(), reply);
  if (known) {
    ++core_.book.memory_commands;
  } else {
    ++core_.book.upstream_errors;
    reply = core_.down_error;
  }
  return answer(std::move(reply));
}

void Pipeline::answer_memory() {
  // A conversation may start the next one; the vector grows while it is walked.
  for (std::size_t i = 0; i < core_.for_memory.size(); ++i) {
    const auto asked = std::move(core_.for_memory[i]);
    protocol::Limits limits;
    limits.request_bytes = asked.wire.size();
    protocol::CommandParser parser(limits);
    std::string_view rest = asked.wire;
    while (!rest.empty()) {
      protocol::Command command;
      const auto step = parser.parse(rest, command);
      if (step.status != protocol::CommandParser::Status::complete) break;
      std::string reply;
      ++core_.book.memory_commands;
      if (!core_.memory.execute(command, asked.db, Resp::v3, core_.server_floor(), reply)) {
        reply = core_.down_error;
      }
      settle_one(asked.exchange, reply);
      rest.remove_prefix(step.consumed);
    }
  }
  core_.for_memory.clear();
}

}  // namespace pannier::policies
