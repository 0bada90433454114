#include <algorithm>
#include <stdexcept>

#include "protocol/reply.hpp"
#include "tests/support/simulated_keys.hpp"
#include "tests/support/simulation.hpp"

// What every reply of a simulation is checked for.

namespace pannier::tests {

using Kind = SimulatedKey::Kind;
using policies::milliseconds;

namespace {

/// How old an answer may be that is given without asking.
constexpr milliseconds max_lag{1'000};

[[noreturn]] void broken(const std::string& promise) { throw std::logic_error(promise); }

std::string text_of(std::string_view reply) {
  std::string text(reply.substr(0, reply.find("\r\n")));
  if (text.starts_with('$') && reply.size() > text.size() + 2) {
    text = reply.substr(text.size() + 2, reply.size() - text.size() - 4);
  }
  return text;
}

/// Of a key as Redis calls it.
std::uint64_t version_of(const std::string& name) {
  return std::stoull(name.substr(name.rfind('v') + 1));
}

bool own_error(const protocol::ReplyView& view) {
  return view.error() && view.text.starts_with("ERR pannier: upstream ");
}

}  // namespace

void Simulation::collect(Person& person) {
  const auto bytes = sidecars_[person.at]->take(person.id);
  for (std::string_view rest = bytes; !rest.empty();) {
    protocol::ReplyReader reader(rest);
    const auto reply = reader.skip();
    rest = reader.rest();
    if (person.open.empty()) broken("a reply without a request");
    const auto request = std::move(person.open.front());
    person.open.pop_front();
    log(person.name() + " < " + text_of(reply));
    check(person, request, reply);
  }
}

void Simulation::check_protocol(const Request& request, std::string_view reply) {
  const bool is_3 = request.resp == protocol::Resp::v3;
  for (std::string_view rest = reply; !rest.empty();) {
    const char kind = rest.front();
    const bool old_null = rest.starts_with("$-1") || rest.starts_with("*-1");
    const bool is_new = kind == '_' || kind == '%' || kind == '~' || kind == ',' || kind == '#';
    if (is_3 ? old_null : is_new) broken("a reply in the other protocol: " + text_of(rest));
    protocol::ReplyReader reader(rest);
    reader.next();
    rest = reader.rest();
  }
}

void Simulation::check(Person& person, const Request& request, std::string_view reply) {
  check_protocol(request, reply);
  seen_version_ = person.version;
  protocol::ReplyReader reader(reply);
  const auto view = reader.next();
  const auto& name = request.words[0];
  if (request.is_anonymous) {
    if (!view.text.starts_with("NOAUTH ")) broken("answered to somebody unknown");
    return;
  }
  if (own_error(view)) {
    if (name == "MULTI") person.in_multi = false;
    if (!may_fail_) broken("an error about an upstream that never failed");
    return;
  }
  if (name == "ECHO" && view.text != request.words[1]) broken("another one's reply");
  if (name == "X.CALL") {
    const bool is_its = view.text.find("'" + request.words[1] + "'") != std::string_view::npos;
    if (!is_its && !view.text.starts_with("ERR pannier")) broken("another one's reply");
    return;
  }
  if (name == "MULTI") person.in_multi = !view.error();
  const bool ends = name == "EXEC" || name == "DISCARD";
  const bool was_in_multi = ends ? std::exchange(person.in_multi, false) : person.in_multi;
  if (request.queued && was_in_multi && !ends) {
    if (view.text != "QUEUED" && !view.error()) broken("not queued");
    return;
  }
  if (name == "INCR") return check_count(request, view.number);
  if (name == "GET") {
    if (view.kind != '$' && view.kind != '_') broken("GET answered with " + text_of(reply));
    return check_read(person, request, request.reads[0],
                      view.null ? std::nullopt : std::optional(std::string(view.text)));
  }
  if (name == "MGET") {
    if (view.number != static_cast<std::int64_t>(request.reads.size())) broken("MGET's size");
    std::vector<std::string> values;
    for (const auto& key : request.reads) {
      const auto value = reader.next();
      check_read(person, request, key,
                 value.null ? std::nullopt : std::optional(std::string(value.text)));
      if (!value.null) values.emplace_back(value.text);
    }
    // Where the client has sent something since, copies are not held against each other.
    if (redis_.tracks && person.open.empty()) check_moment(values);
    return;
  }
  if (view.error() || (name == "EXEC" && view.null)) return;
  // Removals from the memory store are forgotten with it.
  const bool removes = !request.invalidates.empty() && name != "PANNIER";
  if (removes && !is_absent_) invalidated(person, request, 0);
  if (name == "PANNIER") {
    return invalidated(person, request, static_cast<std::uint64_t>(view.number), view.kind == '+');
  }
  acknowledge(person, request);
}

void Simulation::check_moment(const std::vector<std::string>& values) const {
  std::uint64_t last_begun = 0, first_ended = ~std::uint64_t{0};
  for (const auto& value : values) {
    const auto* place = history_.find(value);
    if (place == nullptr) return;  // From the memory store, or from somebody's SET.
    const auto [begun, ended] = history_.span(*place);
    last_begun = std::max(last_begun, begun);
    first_ended = std::min(first_ended, ended);
  }
  if (first_ended < last_begun) broken("an MGET's values were never there together");
}

void Simulation::check_count(const Request& request, std::int64_t count) {
  const Name name{request.db, request.words[1]};
  if (!counts_answered_[name].insert(count).second && !may_fail_ && !flushed_) {
    broken(name.second + " twice the same");
  }
}

void Simulation::acknowledge(Person& person, const Request& request) {
  for (const auto& [key, value] : request.writes) {
    const auto* place = history_.find(value);
    if (place == nullptr) continue;  // The memory store has it.
    auto& floor = person.write_floor[place->name];
    floor = std::max(floor, place->rank);
    auto& written = written_[person.at][place->name];
    written = std::max(written, place->rank);
    if (find_simulated(key)->kind == Kind::version) {
      person.version = std::max(person.version, version_of(place->name.second));
    }
  }
  for (const auto& [name, size] : request.sizes) {
    if (is_absent_) break;
    auto& floor = person.write_floor[name];
    floor = std::max(floor, size);
  }
}

void Simulation::check_read(Person& person, const Request& request, const std::string& key,
                            const std::optional<std::string>& found) {
  const Name name{request.db, key};
  const auto kind = find_simulated(key)->kind;
  const auto oldest = request.sent - max_lag;
  if (!found) {
    if (kind == Kind::ruled && !is_absent_ && !history_.was_absent(name, oldest, now())) {
      broken(key + " was there for long");
    }
    if (kind != Kind::tagged) return;
    const auto due = now() + milliseconds(hurries_ ? 0 : chance(50) ? pick(50) : pick(4'000));
    // Counted from the earliest moment at which the sidecar may have told it.
    person.loads.push_back({name, source_[name], due, request.sent + milliseconds(5'000)});
    return;
  }
  if (found->find(key + "|") == found->npos || !sent_values_.contains(*found)) {
    broken("nobody ever wrote " + *found + " to " + key);
  }
  const auto* place = history_.find(*found);
  if (place == nullptr) {
    // One that was too old when it arrived is still what its waiters had waited for.
    if (run_values_.contains(*found) || kind == Kind::memory || is_absent_) return;
    broken(*found + " is not from Redis");
  }
  if (place->name.first != request.db) broken(*found + " is from another database");
  if (kind == Kind::memory) return;
  // A read that it joined may have been sent before.
  if (place->expires < (request.is_alone ? request.sent : oldest)) broken(*found + " had expired");
  const auto ended = history_.ended(*place);
  if (ended && *ended < oldest) broken(*found + " was replaced long ago");
  const auto least = [](const auto& map, const auto& at) {
    const auto one = map.find(at);
    return one == map.end() ? 0 : one->second;
  };
  if (place->rank < least(person.write_floor, place->name)) {
    broken(*found + " is older than the client's own write");
  }
  if (place->rank < least(request.written, place->name)) {
    broken(*found + " is older than a write that this sidecar had answered");
  }
  // Who waits for a load may see what comes after its later requests; else reads go forward.
  const bool waits = kind == Kind::leased || kind == Kind::tagged || kind == Kind::version;
  const auto& floors = waits ? request.floors : person.read_floor;
  if (place->rank < least(floors, place->name)) broken(*found + " is older than one read before");
  auto& floor = person.read_floor[place->name];
  floor = std::max(floor, place->rank);
  if (kind == Kind::tagged) {
    const auto source = std::stoi(found->substr(found->rfind('|') + 1));
    if (source < least(request.least_source, name)) broken(*found + " had been invalidated");
    // With a FLUSHALL what was invalidated just before it may be forgotten.
    if (!flushed_ && source < least(request.newest_source, name)) {
      broken(*found + " had been invalidated elsewhere");
    }
  }
  if (kind == Kind::version) {
    const auto version = version_of(place->name.second);
    // Less than when it was sent only where Redis has lost the record since.
    const auto least_now = std::min(request.least_version, least_version_[person.at]);
    const auto strict = std::min(request.strict_version, strict_version_[person.at]);
    const auto oldest_served = falls_back_ ? std::max(least_now - 1, strict) : least_now;
    if (version < oldest_served) {
      broken(*found + " is of a version before " + std::to_string(oldest_served));
    }
    if (version < seen_version_) {
      broken(*found + " is of a version before the client's " + std::to_string(seen_version_));
    }
    person.version = std::max(person.version, version);
  }
}

void Simulation::invalidated(Person& person, const Request& request, std::uint64_t version,
                             bool is_journaled) {
  const bool is_bump = request.words[1] == "BUMP";
  const auto bumped = is_bump ? version : 0;
  const bool is_shared = request.words[0] != "PANNIER" || is_bump || request.words[1] == "TAG";
  const bool everywhere = is_shared && !is_journaled;
  for (const auto& [name, source] : request.invalidates) {
    auto& newest = newest_source_[name];
    newest = std::max(newest, source);
  }
  for (std::size_t i = 0; i < sidecars_.size(); ++i) {
    // What happens without an upstream is nobody else's business.
    if (i != person.at && (!everywhere || is_absent_)) continue;
    const auto at = i == person.at ? now() : now() + milliseconds(2'100);
    due_.push_back({at, i, request.invalidates, bumped});
    if (bumped > 0) {
      const auto over = now() + fallback_grace + milliseconds(2'100);
      due_.push_back({over, i, {}, 0, bumped});
    }
    if (i != person.at) continue;
    for (const auto& [name, source] : request.invalidates) {
      auto& least = least_source_[i][name];
      least = std::max(least, source);
    }
    least_version_[i] = std::max(least_version_[i], bumped);
  }
}

}  // namespace pannier::tests
