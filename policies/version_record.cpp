#include "policies/version_record.hpp"

#include <algorithm>

#include "protocol/reply.hpp"

namespace pannier::policies {

namespace {

std::string_view take(std::string_view& text, char until) {
  const auto end = std::min(text.find(until), text.size());
  const auto taken = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

std::int64_t number_of(std::string_view text) {
  return std::max<std::int64_t>(protocol::to_integer(text).value_or(0), 0);
}

}  // namespace

VersionRecord VersionRecord::parse(std::string_view text) {
  VersionRecord record;
  record.current = static_cast<std::uint64_t>(number_of(take(text, ' ')));
  record.bumped_at = ServerTime(milliseconds(number_of(take(text, ' '))));
  record.grace = milliseconds(number_of(take(text, ' ')));
  const bool is_short = text.empty();
  record.previous = static_cast<std::uint64_t>(number_of(take(text, ' ')));
  if (is_short && record.current > 0) record.previous = record.current - 1;
  record.top = static_cast<std::uint64_t>(number_of(take(text, ' ')));
  record.top = std::max(record.top, record.current);
  record.pinned = take(text, ' ') == "1";
  record.has_weights = !text.empty() && text != "-";
  while (record.has_weights && !text.empty()) {
    auto pair = take(text, ',');
    const auto version = take(pair, ':');
    if (!pair.empty()) add_weight(record.weights, version, pair);
  }
  return record;
}

std::string VersionRecord::rest() const {
  auto shares = weights_text(weights, ':', ',');
  if (shares.empty()) shares = "0";
  return std::to_string(grace.count()) + ' ' + std::to_string(previous) + ' ' +
         std::to_string(top) + (pinned ? " 1 " : " 0 ") + (has_weights ? shares : "-");
}

std::string VersionRecord::text() const {
  return std::to_string(current) + ' ' + std::to_string(bumped_at.time_since_epoch().count()) +
         ' ' + rest();
}

std::string_view name_of(VersionChange::What what) {
  switch (what) {
    case VersionChange::What::raise:
      return "raise";
    case VersionChange::What::weigh:
      return "weigh";
    case VersionChange::What::pin:
      return "pin";
    case VersionChange::What::unpin:
      return "unpin";
  }
  return {};
}

std::string change_version(std::string_view text, const VersionChange& change, std::int64_t now,
                           bool& refused) {
  using What = VersionChange::What;
  auto record = VersionRecord::parse(text);
  const bool is_new = record.current == 0;
  refused = true;
  if (change.current > record.current) {
    record.previous = is_new ? change.current - 1 : record.current;
    record.current = change.current;
    record.bumped_at = {};
    record.weights.clear();  // They may be of older ones.
    if (is_new) record.grace = change.grace;
  }
  record.top = std::max({record.top, change.top, record.current});
  auto wanted = change.version;
  if (record.pinned && (change.what == What::raise || change.what == What::weigh)) {
    return "ERR pannier: the version is pinned to " + std::to_string(record.current) +
           " (PANNIER VERSION UNPIN ends that); not executed";
  }
  if (change.what == What::raise) wanted = record.top + 1;
  if (change.what == What::unpin) wanted = record.current;
  if (wanted < record.current) {
    return "ERR pannier: version " + std::to_string(wanted) + " is older than the current one, " +
           std::to_string(record.current) + ", and a version never goes back; not executed";
  }
  refused = false;
  if (change.what == What::pin || change.what == What::unpin) {
    record.pinned = change.what == What::pin;
  }
  const bool moves = wanted > record.current;
  if (change.what == What::raise || (change.what == What::pin && moves)) {
    record.has_weights = true;
    record.weights.clear();
  }
  if (change.what == What::weigh) {
    record.has_weights = true;
    record.weights = VersionRecord::parse("1 0 0 0 0 0 " + change.weights).weights;
  }
  if (moves) {
    record.previous = record.current;
    record.current = wanted;
    record.bumped_at = ServerTime(milliseconds(now));
    record.grace = change.grace;
  }
  record.top = std::max(record.top, record.current);
  return record.text();
}

}  // namespace pannier::policies
