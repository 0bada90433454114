#include "proxy/webhook_gate.hpp"

#include "protocol/reply.hpp"
#include "proxy/hmac.hpp"

namespace pannier::proxy {

namespace {

constexpr std::uint64_t most_a_second = 100;
constexpr std::size_t longest_timestamp = 12;

Refusal unauthorized(std::string why) { return {401, std::move(why)}; }

}  // namespace

std::optional<Refusal> WebhookGate::objection(const RequestHead& head, std::string_view body,
                                              const policies::WebhookSettings& settings,
                                              policies::ServerTime wall) {
  const auto& secret = settings.secret.value;
  if (secret.empty()) {
    if (!head.signatures.empty()) {
      return unauthorized("no webhook.secret is configured, so no signature can be checked");
    }
    if (head.marks.size() == 1 && head.marks[0] == "1") return std::nullopt;
    return Refusal{403, "a POST needs the header X-Pannier: 1"};
  }
  if (head.signatures.size() != 1 || head.timestamps.size() != 1) {
    return unauthorized("an event needs X-Pannier-Signature and X-Pannier-Timestamp");
  }
  const auto& timestamp = head.timestamps[0];
  const auto expected = signature_of(secret, timestamp, body);
  if (!are_equal_secretly(expected, head.signatures[0])) {
    return unauthorized("the signature is not that of the timestamp and the body");
  }
  const auto sent =
      timestamp.size() <= longest_timestamp ? protocol::to_integer(timestamp) : std::nullopt;
  if (!sent) return unauthorized("X-Pannier-Timestamp is not a number of seconds since 1970");
  const policies::ServerTime at{std::chrono::seconds(*sent)};
  switch (used_.take(head.signatures[0], at, wall, settings.window)) {
    case policies::ReplayGuard::Finding::fine:
      return std::nullopt;
    case policies::ReplayGuard::Finding::outside_window:
      return unauthorized("the timestamp is too far from the time here");
    case policies::ReplayGuard::Finding::replayed:
      return unauthorized("the signature has been used");
    case policies::ReplayGuard::Finding::full:
      return Refusal{429, "too many events"};
  }
  return std::nullopt;
}

std::optional<Refusal> WebhookGate::objection_to_rate(policies::TimePoint now) {
  if (now - second_ >= policies::seconds(1)) {
    second_ = now;
    in_second_ = 0;
  }
  if (++in_second_ <= most_a_second) return std::nullopt;
  return Refusal{429, "more than 100 events in a second"};
}

}  // namespace pannier::proxy
