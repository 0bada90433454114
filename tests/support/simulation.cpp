#include "tests/support/simulation.hpp"

#include <algorithm>
#include <stdexcept>

#include "tests/support/simulated_keys.hpp"

// The world of a simulation: time, links, writers outside.

namespace pannier::tests {

using policies::milliseconds;
using policies::TimePoint;

namespace {

constexpr milliseconds timeout{1'000};
/// How long after an answer an invalidation must have reached the other sidecars: max_lag.
constexpr milliseconds reach{1'050};

}  // namespace

Simulation::Simulation(std::uint64_t seed) : random_(seed) {
  may_fail_ = chance(60);
  loses_generations_ = chance(50);
  is_coarse_ = chance(30);
  redis_.tracks = chance(90);
  selecting_ = chance(80) ? 10 : 90;
  for (const auto& key : simulated_keys) keys_.push_back(&key);
  asks_who_ = chance(20);
  falls_back_ = seed % 3 == 0;
  abandoning_ = chance(80) ? 15 : 60;
  focus();
  redis_.ran = [this](const auto& connection, const auto& args, std::string_view) {
    note_command(connection, args);
  };
  const bool is_there = !may_fail_ || !chance(5);
  is_absent_ = !is_there;
  const TimePoint start(std::chrono::hours(1));
  const auto count = chance(30) || apart_ > 0 ? 2u : 1u;
  for (std::size_t i = 0; i < count; ++i) {
    auto variant = is_focused_ ? 4 + pick(4) + 8 * pick(4) : pick(32);
    if (delaying_ > 0) variant |= 16;
    auto sidecar = std::make_unique<Sidecar>(redis_, settings(variant), start, is_there);
    if (may_fail_) sidecar->op_timeout = freezing_ ? 5 * timeout : timeout;
    sidecar->pipeline().set_name(std::to_string(i));
    sidecar->act = [pipeline = &sidecar->pipeline(), at = sidecar.get()](
                       policies::Client& client,
                       const protocol::Command& command) -> std::optional<protocol::Value> {
      const auto& words = command.args;
      if (words[1] == "BUMP") {
        pipeline->bump_version(client, words[2], std::nullopt, at->now);
        return std::nullopt;
      }
      policies::Invalidation what;
      (words[1] == "TAG" ? what.tags : what.patterns).emplace_back(words[2]);
      pipeline->invalidate(client, std::move(what), at->now);
      return std::nullopt;
    };
    sidecars_.push_back(std::move(sidecar));
  }
  least_source_.resize(count);
  least_version_.resize(count, 1);
  strict_version_.resize(count, 1);
  written_.resize(count);
  const auto clients = delaying_ > 0 ? 1 : apart_ > 0 ? count : 1 + pick(4);
  for (std::size_t i = 0; i < clients; ++i) {
    people_.emplace_back().at = apart_ > 0 ? i : pick(count);
    reconnect(people_.back());
  }
}

Simulation::~Simulation() = default;

void Simulation::log(const std::string& line) {
  const auto time =
      std::chrono::duration_cast<milliseconds>(now().time_since_epoch()) - std::chrono::hours(1);
  story_.push_back(std::to_string(time.count()) + " " + line);
  if (story_.size() > 1500) story_.pop_front();
}

std::string Simulation::story() const {
  std::string text;
  for (const auto& line : story_) text += "  " + line + "\n";
  return text;
}

void Simulation::note_command(const FakeRedis::Connection& connection,
                              const FakeRedis::Args& args) {
  std::string line = "redis db " + std::to_string(connection.db) + ":";
  for (const auto& word : args) line += " " + (word.size() < 60 ? word : word.substr(0, 20) + "~");
  log(line);
  const bool counts_time = args[0] == "TIME" || args[0] == "EVAL";
  if (counts_time && !is_coarse_) redis_.now += milliseconds(1);
  if (args[0] == "INCR") ++counts_run_[{connection.db, args[1]}];
  for (const auto& word : args) {
    if (word.find('|') != word.npos) run_values_.insert(word);
    const auto name = word.substr(0, word.rfind(":v"));
    const auto* key = find_simulated(name);
    if (key == nullptr || key->kind == SimulatedKey::Kind::count) continue;
    const auto expiry = redis_.expiry(connection.db, word);
    history_.note({connection.db, word}, redis_.value(connection.db, word), now(),
                  expiry ? now() + (*expiry - redis_.now) : TimePoint::max());
  }
}

void Simulation::play(int steps) {
  for (int i = 0; i < steps; ++i) {
    step();
    for (auto& person : people_) collect(person);
  }
  end_quietly();
}

void Simulation::step() {
  if (chance(losing_)) return break_for_a_moment();
  if (freezing_ && now() >= frozen_until_ && chance(2)) return fall_silent();
  if (chance(delaying_)) return delay_replies();
  if (chance(overtaking_)) return overtake_lanes();
  if (apart_ > 0 && chance(apart_)) return invalidate_elsewhere();
  if (gathering_ > 0 && chance(4)) write_outside();
  const auto what = pick(1'000);
  auto& sidecar = *sidecars_[pick(sidecars_.size())];
  const auto links = sidecar.links();
  const auto link = links[pick(links.size())];
  if (what < 300) return act(people_[pick(people_.size())]);
  const bool is_frozen = now() < frozen_until_;
  if (is_frozen && link.kind == policies::Link::Kind::lane && what < 870) return;
  if (what < 580) return void(sidecar.run_next(link));
  if (what < 870) return void(sidecar.deliver_next(link));
  if (what < 940) return pass_time(milliseconds(chance(70) ? pick(4) : pick(400)));
  if (what < 948) {
    if ((!may_fail_ || chance(60)) && !is_frozen) sidecar.settle();
    return pass_time(milliseconds(pick(5'000)));
  }
  if (what < 960) return write_outside();
  if (what < 975) return may_fail_ ? break_something() : void();
  if (what < 985) return reconnect(people_[pick(people_.size())]);
  if (what < 990) {
    log("reload");
    return sidecar.reload(settings(pick(32)));
  }
  if (!is_frozen) sidecar.settle();
}

void Simulation::pass_time(milliseconds time) {
  const auto end = now() + time;
  while (now() < end) {
    const auto step =
        std::min<policies::microseconds>(milliseconds(chance(90) ? 10 : 700), end - now());
    redis_.now += std::chrono::duration_cast<milliseconds>(step);
    for (auto& sidecar : sidecars_) {
      sidecar->now += step;
      sidecar->tick();
      const bool flows = !may_fail_ && now() >= frozen_until_;
      if (flows && time > timeout) sidecar->settle();  // Links do not stand still that long.
    }
  }
  if (chance(5)) redis_.now += milliseconds(pick(3));  // Its clock runs a little faster.
  std::erase_if(due_, [&](const Due& due) {
    if (due.at > now()) return false;
    for (const auto& [name, source] : due.sources) {
      auto& least = least_source_[due.sidecar][name];
      least = std::max(least, source);
    }
    least_version_[due.sidecar] = std::max(least_version_[due.sidecar], due.version);
    strict_version_[due.sidecar] = std::max(strict_version_[due.sidecar], due.strict_version);
    return true;
  });
}

void Simulation::break_something() {
  auto& sidecar = *sidecars_[pick(sidecars_.size())];
  if (sidecar.connecting()) {
    const auto how = pick(3);
    log(how == 0 ? "refused" : how == 1 ? "retry" : "connected");
    return how == 0 ? sidecar.refused() : how == 1 ? sidecar.retry() : sidecar.connected();
  }
  const auto links = sidecar.links();
  const auto link = links[pick(links.size())];
  log("break link " + std::to_string(int(link.kind)) + " db " + std::to_string(link.db));
  sidecar.break_link(link);
  if (!sidecar.connecting() || chance(50)) return;
  if (chance(50)) write_outside();
  sidecar.connected();  // It was a moment only.
  if (chance(50)) pass_time(milliseconds(pick(2'000)));
}

void Simulation::write_outside() {
  outside_.db = chance(90) ? 0 : 1;
  static const Words lost{"pn:g:t", "pn:g:k:1", "pn:g:s", "pn:g:j:1", "pn:i", "pn:v:ver"};
  Words words;
  if (loses_generations_ && chance(30)) {
    words = {"DEL", lost[pick(lost.size())]};
    if (words[1] == "pn:v:ver") outside_.db = 0;
  } else if (chance(5)) {
    words = {"FLUSHALL"};
    flushed_ = true;
  } else {
    const auto& key = *keys_[pick(keys_.size())];
    const std::string name(key.name);
    if (key.kind == SimulatedKey::Kind::count || key.kind == SimulatedKey::Kind::version) return;
    Person nobody;
    nobody.db = outside_.db;
    words = chance(70) ? Words{"SET", name, value(nobody, name)} : Words{"DEL", name};
    // Nobody can tell the age of a value without expiry when its tags' generations are lost.
    const bool is_tagged = key.kind == SimulatedKey::Kind::tagged;
    if (is_tagged && loses_generations_ && words.size() == 3)
      words.insert(words.end(), {"EX", "5"});
  }
  std::string line = "outside";
  for (const auto& word : words) line += " " + word;
  log(line);
  redis_.execute(outside_, wire_of({words.begin(), words.end()}));
  outside_.out.clear();
  if (words[0] == "FLUSHALL") {
    // With it went the record of versions: until whoever knows it writes it back, a sidecar that
    // had not heard of a bump cannot.
    for (std::size_t i = 0; i < sidecars_.size(); ++i) {
      const auto* known = sidecars_[i]->pipeline().core().versions.find("ver");
      const auto heard = known == nullptr ? 1 : known->current;
      least_version_[i] = std::min(least_version_[i], heard);
      strict_version_[i] = std::min(strict_version_[i], heard);
    }
    for (auto& due : due_) due.version = due.strict_version = 0;
    for (std::uint32_t db = 0; db < 2; ++db) {
      for (const auto& key : simulated_keys) {
        history_.note({db, std::string(key.name)}, std::nullopt, now());
        for (int version = 1; version < 20; ++version) {
          const auto name = std::string(key.name) + ":v" + std::to_string(version);
          if (history_.changes({db, name}) > 0) history_.note({db, name}, std::nullopt, now());
        }
      }
    }
  }
}

void Simulation::end_quietly() {
  log("the end: everything is answered");
  for (auto& sidecar : sidecars_) {
    if (sidecar->connecting()) {
      sidecar->connected();
    }
  }
  for (auto& person : people_) person.loads.clear();
  for (int i = 0; i < 100; ++i) {
    for (auto& sidecar : sidecars_) sidecar->settle();
    for (auto& person : people_) {
      collect(person);
      if (!person.queue.empty()) act(person);  // A transaction is ended.
    }
    redis_.now += milliseconds(250);
    for (auto& sidecar : sidecars_) {
      sidecar->now += milliseconds(250);
      sidecar->tick();
    }
  }
  for (auto& sidecar : sidecars_) sidecar->settle();
  const auto demand = [](bool kept, const std::string& promise) {
    if (!kept) throw std::logic_error(promise);
  };
  for (auto& person : people_) {
    collect(person);
    demand(sidecars_[person.at]->answered_all(person.id) && person.open.empty(),
           person.name() + " is not answered");
  }
  for (const auto& sidecar : sidecars_) {
    const auto& core = sidecar->core();
    demand(core.leases.size() == 0, "a lease is left");
    demand(core.leases.waiting() == 0, "a waiter is left");
    demand(core.flights.empty(), "a flight is left");
    demand(core.running.empty(), "a conversation is left");
    demand(core.misses.size() == 0, "an open miss is left");
  }
  for (const auto& [name, run] : counts_run_) {
    demand(run <= counts_sent_[name], name.second + " was incremented more often than asked");
    const bool is_lost = !is_absent_ && run < counts_answered_[name].size();
    demand(!is_lost, name.second + " was not incremented");
  }
}

}  // namespace pannier::tests
