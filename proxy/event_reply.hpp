#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pannier::proxy {

/// What became of an event, for its reply.
struct EventResult {
  std::int64_t count = 0;  ///< Keys that were removed.
  /// `queued` (upstream is away: it will be carried out) or `running` (it is in effect, but keys
  /// are still being removed); empty when it is done.
  std::string pending;
};

/// The reply of an event that was carried out, as JSON: `reply` (a JSON object) in whose texts
/// `{field}` is what the payload says, `{count}` how many keys were removed. A text that is one
/// field alone keeps the field's type, and is null where the payload says nothing. What is
/// pending gets `"queued": true` or `"running": true` beside the rest. Without a reply: `{"count":
/// ...}`.
std::string event_reply(std::string_view reply, std::string_view payload,
                        const EventResult& result);

/// \returns what is wrong with a reply's text, or nothing.
std::string objection_to_reply(std::string_view reply);

}  // namespace pannier::proxy
