#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/admin_actions.hpp"
#include "tests/support/sidecar.hpp"

namespace pannier::tests {

/// One line of a scenario: who, what, and the rest as it stands.
struct ScenarioLine {
  int number = 0;
  std::string who, what, rest;
};

/// Reads a scenario file: its lines, with each `config:` block as one line of that name.
std::vector<ScenarioLine> read_scenario(const std::string& path);

/// Plays one scenario in virtual time; see tests/scenarios/README.md for the language.
/// Everything that goes wrong throws std::runtime_error with the line's number.
class Scenario {
 public:
  explicit Scenario(std::vector<ScenarioLine> lines) : lines_(std::move(lines)) {}
  void play();

 private:
  struct Running {
    std::unique_ptr<Sidecar> sidecar;
    std::unique_ptr<proxy::AdminActions> actions;
  };
  struct Person {
    std::size_t at;  ///< Which sidecar.
    policies::ClientId id;
    std::deque<std::string> replies;
  };

  void start();
  Running run_sidecar(policies::TimePoint now);
  void play(const ScenarioLine& line);
  void play_client(const ScenarioLine& line);
  void play_upstream(const ScenarioLine& line);
  void play_outside(const ScenarioLine& line);
  Person& person(const std::string& name);
  void collect(Person& person);
  void expect(const std::string& who, std::deque<std::string>& replies, std::string_view expected);
  void saw(std::string_view expected);
  void name_sent(std::string_view commands);
  void answer_by_hand(std::string_view replies);
  void pass_time(policies::milliseconds time);
  void load(const std::string& yaml);
  void restart();
  void set_reachable(std::string_view state);
  void move();
  void finish();

  std::vector<ScenarioLine> lines_;
  FakeRedis redis_;
  policies::Settings settings_;
  std::vector<Running> running_;
  std::map<std::string, Person> people_;
  FakeRedis::Connection outside_;
  std::deque<std::string> outside_replies_;
  std::deque<std::string> seen_;  ///< Commands that went upstream and were not asked about.
  std::size_t named_ = 0;         ///< By hand: commands named and not answered.
  std::size_t started_ = 0;       ///< Sidecars so far.
  bool reachable_ = true, holding_ = false, by_hand_ = false;
};

}  // namespace pannier::tests
