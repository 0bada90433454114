#include "policies/beginning.hpp"

#include "policies/scripts.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies::beginning {

std::string key_of(std::string_view tag) { return (std::string(key) += ':') += tag_name(tag); }

void append_keys(std::string& wire, const Subject& subject) {
  protocol::append_bulk(wire, key);
  for (const auto& tag : subject.tags) protocol::append_bulk(wire, key_of(tag));
}

void append(std::string& wire, const Subject& subject, ServerTime at) {
  const auto keys = 1 + subject.tags.size();
  protocol::append_command(wire, 4 + keys);
  protocol::append_bulk(wire, "EVAL");
  protocol::append_bulk(wire, scripts::announce);
  protocol::append_bulk(wire, std::to_string(keys));
  append_keys(wire, subject);
  protocol::append_bulk(wire, std::to_string(at.time_since_epoch().count()));
}

}  // namespace pannier::policies::beginning
