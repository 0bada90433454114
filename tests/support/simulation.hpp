#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/history.hpp"
#include "tests/support/sidecar.hpp"
#include "tests/support/simulated_keys.hpp"

namespace pannier::tests {

/// One random schedule, the same for the same seed: clients, Redis, links that break, writers
/// outside, invalidations and time move in any order, and every reply is checked against what Redis
/// really executed. See tests/policies/simulation_test.cpp for the promises.
///
/// A key with tags is only ever filled as cache-aside clients do: nil, then a look at the source,
/// then a SET. Its values carry the source's state, so that an old one is seen to be old.
class Simulation {
 public:
  explicit Simulation(std::uint64_t seed);
  ~Simulation();

  /// Plays the schedule. \throws std::exception at the first promise that is broken.
  void play(int steps);
  /// What was done, newest last.
  std::string story() const;

 private:
  using Name = History::Name;
  using Words = std::vector<std::string>;

  /// One command of a client, and what its reply must respect.
  struct Request {
    Words words;
    std::uint32_t db = 0;
    protocol::Resp resp = protocol::Resp::v2;
    Words reads;  ///< Keys whose values the reply has.
    std::vector<std::pair<std::string, std::string>> writes;
    Words removes;
    bool queued = false;         ///< Inside MULTI.
    bool is_anonymous = false;   ///< Before AUTH.
    bool is_alone = false;       ///< No other read can be under way that it might share.
    bool goes_upstream = false;  ///< And Redis tells of invalidations before it answers.
    policies::TimePoint sent;
    // As it was when the command was sent:
    std::map<Name, std::size_t> floors, sizes, written;
    std::map<Name, int> least_source, newest_source;
    std::uint64_t least_version = 0, strict_version = 0;
    std::map<Name, int> invalidates;  ///< Which keys, and their source's state.
  };
  /// A client was told that the key is missing, and has looked at its source.
  struct Load {
    Name name;
    int source;
    policies::TimePoint due, late;
  };
  struct Person {
    std::size_t at = 0;  ///< Which sidecar.
    policies::ClientId id = 0;
    std::uint32_t db = 0;
    protocol::Resp resp = protocol::Resp::v2;
    std::deque<Request> open;
    std::vector<Load> loads;
    std::map<Name, std::size_t> read_floor, write_floor;             ///< Nothing older may be read.
    std::deque<Words> queue;                                         ///< The rest of a transaction.
    std::vector<std::pair<std::string, std::string>> queued_writes;  ///< What it has sent of it.
    policies::TimePoint queue_late;  ///< From when on no fill belongs in it.
    std::uint64_t version = 0;       ///< It has seen or written this one, and sees none before it.
    bool in_multi = false;           ///< Redis has said OK to its MULTI.

    std::string name() const {
      return "client " + std::to_string(id) + "@" + std::to_string(at + 1);
    }
  };
  /// What holds for one sidecar from some moment on.
  struct Due {
    policies::TimePoint at;
    std::size_t sidecar;
    std::map<Name, int> sources;
    std::uint64_t version;
    std::uint64_t strict_version = 0;  ///< From then on none before it, whatever falls back.
  };

  std::uint64_t pick(std::uint64_t below) { return random_() % below; }
  bool chance(unsigned percent) { return pick(100) < percent; }
  policies::TimePoint now() const { return sidecars_.front()->now; }
  void log(const std::string& line);

  // simulation.cpp: the world.
  void step();
  void pass_time(policies::milliseconds time);
  void break_something();
  void write_outside();
  void reconnect(Person& person);
  void end_quietly();
  void note_command(const FakeRedis::Connection& connection, const FakeRedis::Args& args);

  // simulation_focus.cpp: what some schedules are about.
  void focus();
  policies::Settings settings(std::uint64_t variant) const;
  void break_for_a_moment();
  void fall_silent();
  void delay_replies();
  void overtake_lanes();
  void invalidate_elsewhere();
  void pass_answered(policies::milliseconds time);

  // simulation_clients.cpp: what clients do.
  void act(Person& person);
  bool fill(Person& person);
  Words command(Person& person);
  Words transaction(Person& person);
  Words invalidation();
  void send(Person& person, Words words);
  void describe(Person& person, Request& request);
  std::string any_key(bool may_be_tagged);
  std::string value(const Person& person, const std::string& key);

  // simulation_checks.cpp: what they are answered.
  void collect(Person& person);
  void check(Person& person, const Request& request, std::string_view reply);
  void check_protocol(const Request& request, std::string_view reply);
  void check_read(Person& person, const Request& request, const std::string& key,
                  const std::optional<std::string>& found);
  /// Whether there was a moment at which Redis had all of these.
  void check_moment(const std::vector<std::string>& values) const;
  void check_count(const Request& request, std::int64_t count);
  void acknowledge(Person& person, const Request& request);
  /// \param is_journaled it could not reach Redis: it holds here, and elsewhere once it has.
  void invalidated(Person& person, const Request& request, std::uint64_t version,
                   bool is_journaled = false);

  std::mt19937_64 random_;
  FakeRedis redis_;
  FakeRedis::Connection outside_;
  std::vector<std::unique_ptr<Sidecar>> sidecars_;
  std::vector<std::map<Name, int>> least_source_;  ///< By sidecar: older ones are not served.
  std::map<Name, int> newest_source_;  ///< Older ones Redis does not give, whoever invalidated.
  std::vector<std::uint64_t> least_version_, strict_version_;
  bool falls_back_ = false;  ///< Keys with versions are served of the one before, for a while.
  std::uint64_t seen_version_ = 0;  ///< By the client, before the reply that is checked.
  std::vector<Due> due_;
  std::deque<Person> people_;
  History history_;
  std::map<Name, int> source_;
  std::set<std::string> sent_values_, run_values_;  ///< By clients, and by Redis.
  std::map<Name, std::uint64_t> counts_sent_, counts_run_;
  std::map<Name, std::set<std::int64_t>> counts_answered_;
  std::uint64_t serial_ = 0;
  /// Much happens in the same millisecond of Redis's clock.
  bool is_coarse_ = false;
  std::vector<const SimulatedKey*> keys_;  ///< Those in play: few of them meet more often.
  unsigned reading_ = 0;                   ///< Share of commands that read, beyond the usual.
  unsigned transacting_ = 0;               ///< And of transactions.
  unsigned gathering_ = 0;                 ///< And of MGET.
  unsigned tagging_ = 0;                   ///< And of invalidations of tags.
  unsigned bumping_ = 0;                   ///< And of bumps.
  unsigned losing_ = 0;                    ///< Share of steps that lose the lane for a moment.
  unsigned delaying_ = 0;                  ///< And of those after which replies come late.
  unsigned overtaking_ = 0;                ///< And of those in which other links are faster.
  unsigned apart_ = 0;  ///< And of those in which one of two sidecars invalidates, the other reads.
  bool hurries_ = false;     ///< Loads take no time.
  unsigned selecting_ = 0;   ///< Share of clients that use another database.
  unsigned abandoning_ = 0;  ///< Share of loads that are not followed by a SET.
  std::vector<std::map<Name, std::size_t>> written_;  ///< By sidecar: acknowledged, keys visible.
  policies::TimePoint frozen_until_{};                ///< Lanes stand still until then.
  bool freezing_ = false;
  bool is_focused_ = false, asks_who_ = false;
  policies::TimePoint left_at_{};  ///< When a client closed last.
  bool may_fail_ = false, loses_generations_ = false, is_absent_ = false, flushed_ = false;
  std::deque<std::string> story_;
};

/// The configuration that simulations run under; `variant` changes what may change while running.
policies::Settings simulated_settings(std::uint64_t variant);
inline constexpr std::uint64_t with_copies = 4;  ///< A bit of the variant.

}  // namespace pannier::tests
