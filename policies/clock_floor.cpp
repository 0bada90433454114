#include "policies/clock_floor.hpp"

#include "protocol/reply.hpp"

namespace pannier::policies {

std::optional<ServerTime> ClockFloor::parse(std::string_view reply) {
  protocol::ReplyReader reader(reply);
  const auto head = reader.next();
  if (head.kind != '*' || head.number != 2) return std::nullopt;
  const auto whole = protocol::to_integer(reader.next().text);
  const auto micro = protocol::to_integer(reader.next().text);
  if (!whole || !micro) return std::nullopt;
  return ServerTime{milliseconds(*whole * 1000 + *micro / 1000)};
}

}  // namespace pannier::policies
