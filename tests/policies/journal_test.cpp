#include "policies/journal.hpp"

#include <doctest/doctest.h>

namespace pannier::policies {

namespace {

using Kind = Journal::Kind;

Journal::Entry key(std::string name, std::uint32_t db = 0) { return {Kind::key, db, name}; }

}  // namespace

TEST_CASE("the journal keeps the order, and nothing twice") {
  Journal journal;
  CHECK(journal.empty());
  CHECK(journal.add(key("a"), 10));
  CHECK(journal.add({Kind::tag, 0, "a"}, 10));
  CHECK(journal.add(key("a", 1), 10));
  CHECK(journal.add(key("a"), 10));
  REQUIRE(journal.size() == 3);
  CHECK(journal[0] == key("a"));
  CHECK(journal[1].kind == Kind::tag);
  CHECK(journal.databases() == std::set<std::uint32_t>{0, 1});
  journal.pop(1);
  CHECK(journal[0].kind == Kind::tag);
  CHECK(journal.add(key("a"), 10));  // It was carried out, and is asked for again.
  CHECK(journal.size() == 3);
}

TEST_CASE("the journal is bounded by entries and by bytes") {
  Journal journal;
  for (int i = 0; i < 4; ++i) CHECK(journal.add(key(std::to_string(i)), 4));
  CHECK_FALSE(journal.add(key("more"), 4));
  CHECK(journal.add(key("3"), 4));
  CHECK(journal.size() == 4);

  Journal of_long_names;
  CHECK_FALSE(of_long_names.add(key(std::string(3 * Journal::bytes_per_entry, 'x')), 2));
  CHECK(of_long_names.add(key(std::string(2 * Journal::bytes_per_entry, 'x')), 2));
  CHECK_FALSE(of_long_names.add(key("y"), 2));
}

TEST_CASE("widened, a database's patterns cover its keys and tags, and other patterns stay") {
  Journal journal;
  CHECK(journal.add(key("a:1"), 4));
  CHECK(journal.add({Kind::ban, 0, "other:*"}, 4));
  CHECK(journal.add({Kind::tag, 0, "t"}, 4));
  CHECK(journal.add(key("a:1", 1), 4));
  journal.widen(0, {"a:*", "b:*"});
  REQUIRE(journal.size() == 4);
  CHECK(journal[0] == Journal::Entry{Kind::ban, 0, "other:*"});
  CHECK(journal[1] == key("a:1", 1));
  CHECK(journal[2] == Journal::Entry{Kind::ban, 0, "a:*"});
  CHECK(journal.add(key("b:7"), 4));
  CHECK(journal.add({Kind::tag, 0, "any"}, 4));
  CHECK(journal.size() == 4);
  CHECK_FALSE(journal.add({Kind::ban, 0, "third:*"}, 4));
  journal.widen(0, {"a:*", "b:*"});
  CHECK(journal.size() == 4);
  journal.pop(4);
  CHECK(journal.empty());
  CHECK(journal.add(key("a:1"), 4));  // From then on each is kept by itself again.
  CHECK(journal.size() == 1);
}

}  // namespace pannier::policies
