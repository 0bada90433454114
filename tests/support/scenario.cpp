#include "tests/support/scenario.hpp"

#include <algorithm>
#include <stdexcept>

#include "proxy/config.hpp"
#include "tests/support/reply_text.hpp"
#include "tests/support/scenario_text.hpp"

namespace pannier::tests {

namespace {

constexpr policies::milliseconds step{10};

}  // namespace

void Scenario::play() {
  start();
  for (const auto& line : lines_) {
    try {
      play(line);
      if (&line == &lines_.back()) finish();
    } catch (const std::exception& wrong) {
      fail("line " + std::to_string(line.number) + ": " + wrong.what());
    }
  }
}

void Scenario::start() {
  std::size_t sidecars = 1;
  for (const auto& line : lines_) {
    if (line.who == "up" && line.rest == "absent") reachable_ = false;
    if (line.who.ends_with("@2")) sidecars = 2;
  }
  if (lines_.front().who == "config:") load(lines_.front().rest);
  redis_.ran = [this](const auto& connection, const auto& args, std::string_view) {
    if (&connection == &outside_ || is_own(args)) return;
    seen_.push_back(joined({args.begin(), args.end()}));
  };
  for (std::size_t i = 0; i < sidecars; ++i) {
    running_.push_back(run_sidecar(policies::TimePoint(std::chrono::hours(1))));
  }
}

Scenario::Running Scenario::run_sidecar(policies::TimePoint now) {
  Running running;
  running.sidecar = std::make_unique<Sidecar>(redis_, settings_, now, reachable_);
  running.sidecar->pipeline().set_name(std::to_string(++started_));
  const auto unused = [] {
    return proxy::AdminActions::Reloaded(std::string("write a config: block instead"));
  };
  running.actions = std::make_unique<proxy::AdminActions>(
      running.sidecar->pipeline(),
      proxy::AdminActions::Program{unused, [](const auto&) { return std::string(); }});
  running.sidecar->act = [actions = running.actions.get(), sidecar = running.sidecar.get()](
                             policies::Client& client, const protocol::Command& asked) {
    return actions->run(client, asked.args, sidecar->now);
  };
  running.sidecar->settle();
  return running;
}

void Scenario::play(const ScenarioLine& line) {
  if (line.who == "config:") {
    if (line.number != lines_.front().number) load(line.rest);
  } else if (line.who.starts_with('+')) {
    pass_time(policies::milliseconds(std::stoi(line.who.substr(1))));
  } else if (line.who == "up") {
    play_upstream(line);
  } else if (line.who == "outside") {
    play_outside(line);
  } else if (line.who == "sidecar" && line.what == "restarts") {
    restart();
  } else {
    play_client(line);
  }
  move();
}

void Scenario::move() {
  if (holding_ || by_hand_) return;
  for (auto& [sidecar, actions] : running_) sidecar->settle();
}

void Scenario::load(const std::string& yaml) {
  auto loaded = proxy::parse_config(yaml, "config");
  if (!loaded) fail(loaded.error());
  settings_ = std::move(loaded->settings);
  for (auto& [sidecar, actions] : running_) sidecar->reload(settings_);
}

void Scenario::restart() {
  people_.clear();
  const auto now = running_.front().sidecar->now;
  running_.front() = run_sidecar(now);
}

void Scenario::pass_time(policies::milliseconds time) {
  for (; time.count() > 0; time -= step) {
    const auto passes = std::min(step, time);
    redis_.now += passes;
    for (auto& [sidecar, actions] : running_) {
      sidecar->now += passes;
      sidecar->tick();
    }
    move();
  }
}

Scenario::Person& Scenario::person(const std::string& name) {
  const auto known = people_.find(name);
  if (known != people_.end()) return known->second;
  const std::size_t at = name.ends_with("@2") ? 1 : 0;
  return people_.emplace(name, Person{at, running_[at].sidecar->connect(), {}}).first->second;
}

void Scenario::collect(Person& person) {
  const auto bytes = running_[person.at].sidecar->take(person.id);
  for (std::string_view rest = bytes; !rest.empty();) {
    person.replies.push_back(take_reply_text(rest));
  }
}

void Scenario::play_client(const ScenarioLine& line) {
  auto& who = person(line.who);
  auto& sidecar = *running_[who.at].sidecar;
  if (line.what == ">") {
    sidecar.send(who.id, command((line.who == "admin" ? "PANNIER " : "") + line.rest));
  } else if (line.what == "<") {
    collect(who);
    expect(line.who, who.replies, line.rest);
  } else if (line.what == "closes") {
    sidecar.close(who.id);
    people_.erase(line.who);
  } else {
    fail("what is '" + line.what + "'?");
  }
}

void Scenario::expect(const std::string& who, std::deque<std::string>& replies,
                      std::string_view expected) {
  if (expected == "nothing") {
    if (!replies.empty()) fail(who + " got " + replies.front() + " instead of nothing");
    return;
  }
  for (const auto& wanted : split_replies(expected)) {
    if (replies.empty()) fail(who + " got nothing instead of " + wanted);
    const auto got = std::move(replies.front());
    replies.pop_front();
    if (!reply_matches(wanted, got)) fail(who + " got " + got + " instead of " + wanted);
  }
}

void Scenario::finish() {
  for (auto& [name, person] : people_) {
    collect(person);
    if (!person.replies.empty()) fail(name + " got " + person.replies.front() + " at the end");
  }
  if (by_hand_ && running_.front().sidecar->unrun().size() > named_) {
    fail("a command that was not named went upstream: " +
         joined(words_of(running_.front().sidecar->unrun()[named_].second)));
  }
}

}  // namespace pannier::tests
