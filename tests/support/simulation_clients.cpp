#include <algorithm>

#include "tests/support/simulated_keys.hpp"
#include "tests/support/simulation.hpp"

// What the clients of a simulation do.

namespace pannier::tests {

using Kind = SimulatedKey::Kind;
using policies::milliseconds;

namespace {

constexpr std::size_t most_open = 4;

bool is_tagged(const std::string& name) {
  const auto* key = find_simulated(name);
  return key != nullptr && key->kind == Kind::tagged;
}

}  // namespace

std::string Simulation::any_key(bool may_be_tagged) {
  for (auto draw = pick(100), last = draw + keys_.size(); draw < last; ++draw) {
    const auto& key = *keys_[draw % keys_.size()];
    if (key.kind == Kind::count || (key.kind == Kind::tagged && !may_be_tagged)) continue;
    return std::string(key.name);
  }
  return "plain:1";
}

std::string Simulation::value(const Person& person, const std::string& key) {
  auto text = key + "|" + std::to_string(++serial_);
  if (is_tagged(key)) text += "|" + std::to_string(source_[{person.db, key}]);
  text = dressed(key, std::move(text));
  sent_values_.insert(text);
  return text;
}

void Simulation::reconnect(Person& person) {
  auto& sidecar = *sidecars_[person.at];
  if (person.id != 0) {
    log(person.name() + " closes");
    left_at_ = now();
    sidecar.close(person.id);
  }
  const auto at = person.at;
  person = {};
  person.at = at;
  person.id = sidecar.connect();
  if (asks_who_) {
    if (chance(30)) {
      send(person, {chance(50) ? "GET" : "MGET", any_key(true)});
      person.open.back().is_anonymous = true;
    }
    send(person, {"AUTH", password});
  }
  if (chance(50)) send(person, {"HELLO", chance(80) ? "3" : "2"});
  if (chance(selecting_)) send(person, {"SELECT", "1"});
}

void Simulation::act(Person& person) {
  if (!person.queue.empty()) {
    auto words = std::move(person.queue.front());
    person.queue.pop_front();
    if (words[0] == "SET" && person.queue_late <= now()) words = {"PING"};
    return send(person, std::move(words));
  }
  if (person.open.size() >= most_open || fill(person)) return;
  send(person, command(person));
}

bool Simulation::fill(Person& person) {
  const auto time = now();
  // A load that takes longer than the sidecar remembers its miss is given up.
  std::erase_if(person.loads, [&](const Load& load) { return load.late <= time; });
  const auto at = std::find_if(person.loads.begin(), person.loads.end(), [&](const Load& load) {
    return load.due <= time && load.name.first == person.db;
  });
  if (at == person.loads.end()) return false;
  const auto load = *at;
  person.loads.erase(at);
  if (chance(abandoning_)) return false;
  auto text =
      load.name.second + "|" + std::to_string(++serial_) + "|" + std::to_string(load.source);
  const auto& key = load.name.second;
  text = dressed(key, std::move(text));
  sent_values_.insert(text);
  switch (pick(6)) {
    case 0:
      send(person, {"SETEX", key, "30", text});
      break;
    case 1:
      send(person, {"SET", key, text, "EX", "5"});
      break;
    case 2:
      send(person, {"MSET", key, text});
      break;
    case 3:
      person.queue = {{"SET", key, text}, {"EXEC"}};
      person.queue_late = load.late;
      send(person, {"MULTI"});
      break;
    default:
      send(person, {"SET", key, text});
  }
  return true;
}

Simulation::Words Simulation::transaction(Person& person) {
  const auto key = any_key(false), other = any_key(false);
  person.queue_late = policies::TimePoint::max();
  person.queue.push_back({"SET", key, value(person, key)});
  if (chance(50)) person.queue.push_back({"GET", chance(50) ? key : other});
  person.queue.push_back({chance(90) ? "EXEC" : "DISCARD"});
  if (chance(80)) return {"MULTI"};
  person.queue.push_front({"MULTI"});
  return {"WATCH", other};
}

Simulation::Words Simulation::command(Person& person) {
  const auto what = pick(100);
  const auto key = any_key(true);
  const auto free_key = any_key(false);
  if (chance(transacting_)) return transaction(person);
  if (chance(tagging_)) return invalidation();
  if (bumping_ > 0 && chance(bumping_)) return {"PANNIER", "BUMP", "ver"};
  const bool gathers = chance(gathering_);
  if (!gathers && (what < 45 || chance(reading_))) return {"GET", key};
  if (gathers || what < 52) return {"MGET", key, any_key(true), free_key};
  if (what < 68) return {"SET", free_key, value(person, free_key)};
  if (what < 71) return {"MSET", free_key, value(person, free_key)};
  if (what < 76) return {chance(50) ? "DEL" : "UNLINK", key};
  if (what < 80) return {"INCR", chance(50) ? "count:1" : "sum:1"};
  if (what < 83) return {"ECHO", std::to_string(++serial_)};
  if (what < 86) return {"X.CALL", std::to_string(++serial_)};
  if (what < 91) return transaction(person);
  const bool changes = std::any_of(person.open.begin(), person.open.end(),
                                   [](const auto& request) { return request.words[0] == "HELLO"; });
  if (what < 93) return changes ? Words{"PING"} : Words{"HELLO", chance(50) ? "3" : "2"};
  if (what < 94) return {"PANNIER", "BUMP", "ver"};
  return invalidation();
}

Simulation::Words Simulation::invalidation() {
  if (chance(30)) return {"PANNIER", "PATTERN", chance(50) ? "tag:*" : "s?ft:*"};
  static const Words tags{"t", "k:1", "k:2", "s", "j:1"};
  return {"PANNIER", "TAG", tags[pick(tags.size())]};
}

void Simulation::send(Person& person, Words words) {
  Request request;
  request.words = words;
  request.sent = now();
  describe(person, request);
  std::string line = person.name() + " >";
  for (const auto& word : words) line += " " + word;
  log(line);
  person.open.push_back(std::move(request));
  sidecars_[person.at]->send(person.id, wire_of({words.begin(), words.end()}));
}

void Simulation::describe(Person& person, Request& request) {
  const auto& words = request.words;
  const auto& name = words[0];
  request.queued = !person.queue.empty() && name != "MULTI" && name != "WATCH";
  if (name == "HELLO") person.resp = words[1] == "3" ? protocol::Resp::v3 : protocol::Resp::v2;
  if (name == "SELECT") person.db = 1;
  request.resp = person.resp;
  request.db = person.db;
  request.floors = person.read_floor;
  request.written = written_[person.at];
  request.least_source = least_source_[person.at];
  request.least_version = least_version_[person.at];
  request.strict_version = strict_version_[person.at];
  if (name == "GET" || name == "MGET") request.reads.assign(words.begin() + 1, words.end());
  if (name == "SET" || name == "MSET") request.writes.emplace_back(words[1], words[2]);
  if (name == "SETEX") request.writes.emplace_back(words[1], words[3]);
  if (name == "DEL" || name == "UNLINK") request.removes.push_back(words[1]);
  if (name == "INCR") ++counts_sent_[{person.db, words[1]}];
  if (name == "MULTI") person.queued_writes.clear();
  auto& queued = person.queued_writes;
  if (request.queued) queued.insert(queued.end(), request.writes.begin(), request.writes.end());
  if (name == "EXEC") request.writes = std::exchange(queued, {});  // It answers for all of it.
  // A read of somebody who has gone may still be under way, and be joined for as long.
  const bool was_left =
      left_at_ != policies::TimePoint{} && now() - left_at_ <= milliseconds(1'000);
  const auto neighbours = std::ranges::count(people_, person.at, &Person::at);
  request.is_alone = neighbours == 1 && person.open.empty() && !was_left;
  const auto& tiers = sidecars_[person.at]->core().rules->settings().tiers;
  const bool copies = tiers.front().local.ttl.count() > 0;  // Of one as of all.
  request.goes_upstream = request.is_alone && !copies && redis_.tracks && !may_fail_;
  if (request.goes_upstream) request.newest_source = newest_source_;
  for (const auto& key : request.removes) {
    request.sizes[{person.db, key}] = history_.changes({person.db, key});
    if (is_guarded(key)) request.invalidates[{person.db, key}] = ++source_[{person.db, key}];
  }
  if (name != "PANNIER" || words[1] == "BUMP") return;
  for (const auto& key : simulated_keys) {
    if (key.kind != Kind::tagged || is_guarded(key.name)) continue;
    const std::string key_name(key.name);
    const bool hit = words[1] == "PATTERN"
                         ? key_name.starts_with(words[2] == "tag:*" ? "tag:" : "soft:")
                     : words[2] == "t"   ? !key_name.starts_with("soft:")
                     : words[2] == "s"   ? key_name == "soft:1"
                     : words[2] == "j:1" ? key_name == "json:1"
                                         : key_name == "tag:" + words[2].substr(2);
    // The source changes, then what was derived from it is invalidated.
    if (hit) request.invalidates[{person.db, key_name}] = ++source_[{person.db, key_name}];
  }
}

}  // namespace pannier::tests
