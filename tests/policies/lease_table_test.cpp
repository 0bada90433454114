#include "policies/lease_table.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "subjects.hpp"

using namespace pannier::policies;

namespace {

constexpr microseconds extension = seconds(3);

TimePoint at(std::int64_t ms) { return TimePoint(milliseconds(ms)); }

LeaseTable::Waiter reader(ClientId client, std::uint64_t number, std::int64_t since,
                          std::int64_t until) {
  return {{client, number}, at(since), at(until)};
}

std::vector<Ticket> tickets(const std::vector<LeaseTable::Waiter>& waiters) {
  std::vector<Ticket> all;
  for (const auto& waiter : waiters) all.push_back(waiter.ticket);
  return all;
}

std::vector<std::string> keys(const std::vector<LeaseTable::Expired>& expired) {
  std::vector<std::string> all;
  for (const auto& one : expired) all.push_back(one.subject->table_key);
  return all;
}

/// Key k is held by client 1 from 0 ms to 1000 ms.
struct Held {
  Held() { REQUIRE(table.grant(subject_of("k"), 1, at(0), at(1000))); }
  LeaseTable table;
};

}  // namespace

TEST_CASE("A key is held from its grant until it is closed") {
  LeaseTable table;
  CHECK_FALSE(table.held("k"));
  REQUIRE(table.grant(subject_of("k"), 1, at(5), at(1000)));
  CHECK(table.held("k"));
  CHECK_FALSE(table.held("other"));
  CHECK(table.subject("k")->table_key == "k");
  CHECK(table.granted_at("k") == at(5));
  table.close("k");
  CHECK_FALSE(table.held("k"));
  CHECK(table.empty());
}

TEST_CASE("Closing a key gives back those who waited, the oldest first") {
  Held held;
  for (ClientId client = 5; client > 1; --client) {
    CHECK(held.table.wait("k", reader(client, 7, 10, 2000)));
  }
  CHECK(held.table.waiting() == 4);
  CHECK(tickets(held.table.close("k")) == std::vector<Ticket>{{5, 7}, {4, 7}, {3, 7}, {2, 7}});
  CHECK(held.table.waiting() == 0);
}

TEST_CASE("Closing a key that nobody holds does nothing") {
  Held held;
  CHECK(held.table.close("other").empty());
  CHECK(held.table.size() == 1);
}

TEST_CASE("A closed lease never expires, and its key can be granted again") {
  Held held;
  held.table.close("k");
  CHECK(held.table.expire(at(5000), extension).empty());
  CHECK(held.table.grant(subject_of("k"), 2, at(6000), at(7000)));
}

TEST_CASE("A lease ends at its deadline, not before") {
  Held held;
  CHECK(held.table.expire(at(1000) - microseconds(1), extension).empty());
  const auto expired = held.table.expire(at(1000), extension);
  REQUIRE(expired.size() == 1);
  CHECK(expired[0].subject->table_key == "k");
  CHECK(expired[0].lost);
  CHECK_FALSE(expired[0].new_holder);
  CHECK(held.table.empty());
}

TEST_CASE("A lease whose holder is late passes to exactly one: who waited longest") {
  Held held;
  for (ClientId client = 2; client < 5; ++client) {
    held.table.wait("k", reader(client, 7, 10, 2000));
  }
  const auto expired = held.table.expire(at(1000), extension);
  REQUIRE(expired.size() == 1);
  CHECK(expired[0].lost);
  REQUIRE(expired[0].new_holder);
  CHECK(expired[0].new_holder->ticket == Ticket{2, 7});
  CHECK(expired[0].gave_up.empty());
  CHECK(held.table.waiting() == 2);
}

TEST_CASE("A lease that was passed on runs from then on for the extension") {
  Held held;
  held.table.wait("k", reader(2, 0, 10, 2000));
  held.table.expire(at(1100), extension);
  CHECK(held.table.granted_at("k") == at(1100));
  CHECK(held.table.list(1).at(0).holder == 2);
  CHECK(held.table.list(1).at(0).deadline == at(1100) + extension);
  CHECK(held.table.expire(at(1100) + extension - microseconds(1), extension).empty());
  CHECK(held.table.expire(at(1100) + extension, extension).size() == 1);
}

TEST_CASE("A reader gives up when it has waited as long as it may, and the lease stays") {
  Held held;
  held.table.wait("k", reader(2, 0, 10, 300));
  held.table.wait("k", reader(3, 0, 20, 400));
  CHECK(held.table.expire(at(300) - microseconds(1), extension).empty());
  const auto expired = held.table.expire(at(300), extension);
  REQUIRE(expired.size() == 1);
  CHECK_FALSE(expired[0].lost);
  CHECK(tickets(expired[0].gave_up) == std::vector<Ticket>{{2, 0}});
  CHECK(tickets(held.table.close("k")) == std::vector<Ticket>{{3, 0}});
}

TEST_CASE("A reader with less patience than those before it does not wait longer than it may") {
  Held held;
  held.table.wait("k", reader(2, 0, 10, 900));
  held.table.wait("k", reader(3, 0, 20, 120));
  const auto expired = held.table.expire(at(120), extension);
  REQUIRE(expired.size() == 1);
  CHECK(tickets(expired[0].gave_up) == std::vector<Ticket>{{3, 0}});
  CHECK(held.table.waiting() == 1);
}

TEST_CASE("A reader that comes late, but has waited longest elsewhere, is the next holder") {
  Held held;
  held.table.wait("k", reader(2, 0, 200, 2200));
  held.table.wait("k", reader(3, 0, 100, 2100));
  held.table.wait("k", reader(4, 0, 100, 2100));
  const auto expired = held.table.expire(at(1000), extension);
  REQUIRE(expired.size() == 1);
  REQUIRE(expired[0].new_holder);
  CHECK(expired[0].new_holder->ticket == Ticket{3, 0});
  CHECK(tickets(held.table.close("k")) == std::vector<Ticket>{{4, 0}, {2, 0}});
}

TEST_CASE("A lease does not pass to a reader whose own time is over") {
  Held held;
  held.table.wait("k", reader(2, 0, 10, 1000));
  held.table.wait("k", reader(3, 0, 20, 1001));
  const auto expired = held.table.expire(at(1000), extension);
  REQUIRE(expired.size() == 1);
  CHECK(tickets(expired[0].gave_up) == std::vector<Ticket>{{2, 0}});
  REQUIRE(expired[0].new_holder);
  CHECK(expired[0].new_holder->ticket == Ticket{3, 0});
}

TEST_CASE("What is over long ago ends in one call") {
  Held held;
  for (ClientId client = 2; client < 5; ++client) {
    held.table.wait("k", reader(client, 0, 10, 500));
  }
  const auto expired = held.table.expire(at(60'000), extension);
  REQUIRE(expired.size() == 1);
  CHECK(expired[0].lost);
  CHECK(expired[0].gave_up.size() == 3);
  CHECK(held.table.empty());
  CHECK(held.table.waiting() == 0);
}

TEST_CASE("Keys come out in the order in which their time was over") {
  LeaseTable table;
  table.grant(subject_of("third"), 1, at(0), at(300));
  table.grant(subject_of("first"), 1, at(0), at(100));
  table.grant(subject_of("later"), 1, at(0), at(900));
  table.grant(subject_of("second"), 1, at(0), at(800));
  table.wait("second", reader(2, 0, 0, 200));
  CHECK(keys(table.expire(at(500), extension)) ==
        std::vector<std::string>{"first", "second", "third"});
  CHECK(table.size() == 2);
}

TEST_CASE("The lease of a client that left passes to who waited longest") {
  Held held;
  held.table.wait("k", reader(2, 0, 10, 2000));
  held.table.wait("k", reader(3, 0, 20, 2000));
  const auto expired = held.table.release(1, at(50), extension);
  REQUIRE(expired.size() == 1);
  CHECK(expired[0].lost);
  REQUIRE(expired[0].new_holder);
  CHECK(expired[0].new_holder->ticket == Ticket{2, 0});
  CHECK(held.table.list(1).at(0).deadline == at(50) + extension);
}

TEST_CASE("The lease of a client that left ends where nobody waits") {
  Held held;
  const auto expired = held.table.release(1, at(50), extension);
  REQUIRE(expired.size() == 1);
  CHECK(expired[0].lost);
  CHECK_FALSE(expired[0].new_holder);
  CHECK(held.table.empty());
}

TEST_CASE("A client that left waits no more, and what it waited for goes on") {
  Held held;
  held.table.wait("k", reader(2, 0, 10, 2000));
  held.table.wait("k", reader(3, 0, 20, 2000));
  held.table.wait("k", reader(2, 1, 30, 2000));
  for (const auto& expired : held.table.release(2, at(50), extension)) CHECK_FALSE(expired.lost);
  CHECK(held.table.waiting() == 1);
  CHECK(tickets(held.table.close("k")) == std::vector<Ticket>{{3, 0}});
}

TEST_CASE("A lease is never passed to the very client that left") {
  Held held;
  held.table.wait("k", reader(1, 1, 10, 2000));
  held.table.wait("k", reader(2, 0, 20, 2000));
  held.table.wait("k", reader(1, 2, 30, 2000));
  const auto expired = held.table.release(1, at(50), extension);
  REQUIRE(expired.size() == 1);
  REQUIRE(expired[0].new_holder);
  CHECK(expired[0].new_holder->ticket == Ticket{2, 0});
  CHECK(held.table.waiting() == 0);
}

TEST_CASE("A lease ends with a client that held it and alone waited for it") {
  Held held;
  held.table.wait("k", reader(1, 1, 10, 2000));
  const auto expired = held.table.release(1, at(50), extension);
  REQUIRE(expired.size() == 1);
  CHECK(expired[0].lost);
  CHECK_FALSE(expired[0].new_holder);
  CHECK(held.table.empty());
  CHECK(held.table.waiting() == 0);
}

TEST_CASE("A client that holds nothing and waits for nothing leaves without a trace") {
  Held held;
  CHECK(held.table.release(9, at(50), extension).empty());
  CHECK(held.table.size() == 1);
}

TEST_CASE("No more readers wait for one key than its bound says") {
  LeaseTable table({.waiters_per_key = 2, .waiters = 100, .leases = 100});
  table.grant(subject_of("k"), 1, at(0), at(1000));
  CHECK(table.wait("k", reader(2, 0, 0, 500)));
  CHECK(table.wait("k", reader(3, 0, 0, 500)));
  CHECK_FALSE(table.wait("k", reader(4, 0, 0, 500)));
  CHECK(table.waiting() == 2);
}

TEST_CASE("No more readers wait for all keys than the bound says, until some have stopped") {
  LeaseTable table({.waiters_per_key = 100, .waiters = 2, .leases = 100});
  table.grant(subject_of("k"), 1, at(0), at(1000));
  table.grant(subject_of("l"), 1, at(0), at(1000));
  CHECK(table.wait("k", reader(2, 0, 0, 500)));
  CHECK(table.wait("l", reader(3, 0, 0, 600)));
  CHECK_FALSE(table.wait("l", reader(4, 0, 0, 600)));
  table.expire(at(500), extension);
  CHECK(table.wait("l", reader(4, 1, 500, 900)));
}

TEST_CASE("A full table grants no lease until another has ended") {
  LeaseTable table({.waiters_per_key = 100, .waiters = 100, .leases = 1});
  CHECK(table.grant(subject_of("k"), 1, at(0), at(1000)));
  CHECK_FALSE(table.grant(subject_of("l"), 2, at(0), at(1000)));
  CHECK_FALSE(table.held("l"));
  table.close("k");
  CHECK(table.grant(subject_of("l"), 2, at(0), at(1000)));
}

TEST_CASE("The list shows one line for each held key, and no more than asked for") {
  Held held;
  held.table.grant(subject_of("l"), 2, at(10), at(1010));
  held.table.wait("k", reader(3, 0, 20, 900));
  CHECK(held.table.list(1).size() == 1);
  auto lines = held.table.list(10);
  REQUIRE(lines.size() == 2);
  std::sort(lines.begin(), lines.end(), [](const auto& a, const auto& b) { return a.key < b.key; });
  CHECK(lines[0].key == "k");
  CHECK(lines[0].holder == 1);
  CHECK(lines[0].waiting == 1);
  CHECK(lines[1].key == "l");
  CHECK(lines[1].granted == at(10));
  CHECK(lines[1].deadline == at(1010));
  CHECK(lines[1].waiting == 0);
}
