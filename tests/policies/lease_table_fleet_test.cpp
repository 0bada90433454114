// Leases that other sidecars hold, and those of the fleet that are held here.

#include <doctest/doctest.h>

#include "policies/lease_table.hpp"
#include "subjects.hpp"

using namespace pannier::policies;

namespace {

constexpr microseconds extension = seconds(3);

TimePoint at(std::int64_t ms) { return TimePoint(milliseconds(ms)); }

LeaseTable::Waiter reader(ClientId client) { return {{client, 1}, at(0), at(5'000)}; }

}  // namespace

TEST_CASE("When a lease elsewhere is over, all who waited look again and nobody holds it") {
  LeaseTable table;
  REQUIRE(table.grant(subject_of("k"), LeaseTable::elsewhere, at(0), at(1'000)));
  CHECK(table.held_elsewhere("k"));
  REQUIRE(table.wait("k", reader(7)));
  REQUIRE(table.wait("k", reader(8)));
  CHECK(table.expire(at(999), extension).empty());
  const auto ended = table.expire(at(1'000), extension);
  REQUIRE(ended.size() == 1);
  CHECK(ended[0].is_elsewhere);
  CHECK(ended[0].look_again.size() == 2);
  CHECK_FALSE(ended[0].new_holder);
  CHECK(table.empty());
  CHECK(table.waiting() == 0);
  CHECK_FALSE(table.any_elsewhere());
  CHECK(table.release(7, at(1'001), extension).empty());
}

TEST_CASE("The fleet's token goes with the lease, to the next holder or to who ends it") {
  LeaseTable table;
  REQUIRE(table.grant(subject_of("k"), 1, at(0), at(1'000), {"token", true}));
  CHECK_FALSE(table.held_without_value("k"));
  REQUIRE(table.wait("k", reader(7)));
  const auto released = table.release(1, at(500), extension);
  REQUIRE(released.size() == 1);
  CHECK(released[0].new_holder->ticket.client == 7);
  CHECK(released[0].token == "token");
  // Who waited had no value: nobody has one now.
  CHECK(table.held_without_value("k"));
  CHECK(table.drop_token("k") == "token");
  CHECK(table.drop_token("k").empty());
  CHECK(table.drop_token("other").empty());
}

TEST_CASE("A token is taken for a lease that has none, and for no other") {
  LeaseTable table;
  CHECK_FALSE(table.take_token("k", "late"));
  REQUIRE(table.grant(subject_of("k"), 1, at(0), at(1'000)));
  CHECK(table.take_token("k", "mine"));
  CHECK_FALSE(table.take_token("k", "second"));
  REQUIRE(table.grant(subject_of("l"), LeaseTable::elsewhere, at(0), at(1'000)));
  CHECK_FALSE(table.take_token("l", "mine"));
  CHECK(table.keys_elsewhere() == std::vector<std::string>{"l"});
}
