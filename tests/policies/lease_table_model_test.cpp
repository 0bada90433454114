// Random operations on a LeaseTable, against a model so plain that it can be believed.

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <sstream>

#include "policies/lease_table.hpp"
#include "subjects.hpp"

using namespace pannier::policies;

namespace {

constexpr microseconds extension = milliseconds(40);
constexpr microseconds patience = milliseconds(25);

struct Model {
  struct Lease {
    ClientId holder;
    TimePoint deadline;
    std::vector<LeaseTable::Waiter> waiters;
  };
  LeaseTable::Bounds bounds;
  std::map<std::string, Lease> leases;

  std::size_t waiting() const {
    std::size_t sum = 0;
    for (const auto& [key, lease] : leases) sum += lease.waiters.size();
    return sum;
  }

  bool grant(const std::string& key, ClientId holder, TimePoint deadline) {
    if (leases.size() == bounds.leases) return false;
    leases[key] = {holder, deadline, {}};
    return true;
  }

  bool wait(const std::string& key, const LeaseTable::Waiter& waiter) {
    auto& waiters = leases.at(key).waiters;
    if (waiters.size() == bounds.waiters_per_key || waiting() == bounds.waiters) return false;
    waiters.push_back(waiter);
    std::stable_sort(waiters.begin(), waiters.end(),
                     [](const auto& a, const auto& b) { return a.until < b.until; });
    return true;
  }

  std::string close(const std::string& key) {
    std::string told;
    for (const auto& waiter : leases[key].waiters) told += shown("tell", waiter.ticket);
    leases.erase(key);
    return told;
  }

  /// A line for each key to which something happened, sorted.
  std::string release(ClientId client, TimePoint now) {
    std::string lines;
    for (auto& [key, lease] : std::map(leases)) {
      auto& waiters = leases[key].waiters;
      std::erase_if(waiters, [&](const auto& one) { return one.ticket.client == client; });
      if (lease.holder == client) lines += key + pass_on(key, now) + "\n";
    }
    return lines;
  }

  std::string expire(TimePoint now) {
    std::string lines;
    for (auto& [key, lease] : std::map(leases)) {
      std::string line;
      auto& waiters = leases[key].waiters;
      while (!waiters.empty() && waiters.front().until <= now) {
        line += shown("gives up", waiters.front().ticket);
        waiters.erase(waiters.begin());
      }
      if (lease.deadline <= now) line += pass_on(key, now);
      if (!line.empty()) lines += key + line + "\n";
    }
    return lines;
  }

  std::string pass_on(const std::string& key, TimePoint now) {
    auto& lease = leases[key];
    if (lease.waiters.empty()) {
      leases.erase(key);
      return " lost";
    }
    const auto next = lease.waiters.front();
    lease.waiters.erase(lease.waiters.begin());
    lease.holder = next.ticket.client;
    lease.deadline = now + extension;
    return " lost" + shown("holds", next.ticket);
  }

  static std::string shown(std::string_view what, Ticket ticket) {
    std::ostringstream text;
    text << ' ' << what << ' ' << ticket.client << '.' << ticket.number;
    return text.str();
  }
};

/// The table's answer as the model writes it; keys to which nothing happened are left out.
std::string shown(const std::vector<LeaseTable::Expired>& all) {
  std::map<std::string, std::string> lines;
  for (const auto& expired : all) {
    std::string line;
    for (const auto& waiter : expired.gave_up) line += Model::shown("gives up", waiter.ticket);
    if (expired.lost) line += " lost";
    if (expired.new_holder) line += Model::shown("holds", expired.new_holder->ticket);
    if (!line.empty()) lines[expired.subject->table_key] += line + "\n";
  }
  std::string text;
  for (const auto& [key, line] : lines) text += key + line;
  return text;
}

std::string told(const std::vector<LeaseTable::Waiter>& waiters) {
  std::string text;
  for (const auto& waiter : waiters) text += Model::shown("tell", waiter.ticket);
  return text;
}

void check_same_leases(const LeaseTable& table, const Model& model) {
  CHECK(table.size() == model.leases.size());
  CHECK(table.waiting() == model.waiting());
  for (const auto& line : table.list(1000)) {
    const auto lease = model.leases.find(std::string(line.key));
    REQUIRE(lease != model.leases.end());
    CHECK(line.holder == lease->second.holder);
    CHECK(line.deadline == lease->second.deadline);
    CHECK(line.waiting == lease->second.waiters.size());
  }
}

/// One long random life of a table with few keys, few clients and tight bounds.
class RandomLife {
 public:
  explicit RandomLife(unsigned seed) : random_(seed) {}

  void step() {
    const std::string key = "key" + std::to_string(pick(6));
    const ClientId client = 1 + pick(5);
    switch (pick(10)) {
      case 0:
        return check(told(table_.close(key)), model_.close(key));
      case 1:
        return check(shown(table_.release(client, now_, extension)), model_.release(client, now_));
      case 2:
      case 3:
        now_ += milliseconds(pick(20));
        return check(shown(table_.expire(now_, extension)), model_.expire(now_));
      default:
        read(key, client);
    }
  }
  const LeaseTable& table() const { return table_; }
  const Model& model() const { return model_; }

 private:
  std::uint64_t pick(std::uint64_t below) { return random_() % below; }

  void read(const std::string& key, ClientId client) {
    REQUIRE(table_.held(key) == model_.leases.contains(key));
    if (!table_.held(key)) {
      const auto deadline = now_ + milliseconds(pick(60));
      CHECK(table_.grant(subject_of(key), client, now_, deadline) ==
            model_.grant(key, client, deadline));
      return;
    }
    const auto since = now_ - milliseconds(pick(20));
    const LeaseTable::Waiter waiter{{client, next_++}, since, since + patience};
    CHECK(table_.wait(key, waiter) == model_.wait(key, waiter));
  }

  static void check(const std::string& seen, const std::string& expected) {
    CHECK(seen == expected);
  }

  static constexpr LeaseTable::Bounds bounds{.waiters_per_key = 4, .waiters = 9, .leases = 5};
  std::mt19937_64 random_;
  TimePoint now_{};
  std::uint64_t next_ = 0;
  LeaseTable table_{bounds};
  Model model_{bounds, {}};
};

}  // namespace

TEST_CASE("Whatever happens in whatever order, a lease table does what its plain model does") {
  for (unsigned seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    RandomLife life(seed);
    for (int step = 0; step < 1'000; ++step) {
      CAPTURE(step);
      life.step();
      check_same_leases(life.table(), life.model());
    }
  }
}
