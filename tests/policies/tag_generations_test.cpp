#include "policies/tag_generations.hpp"

#include <doctest/doctest.h>

using namespace pannier::policies;

namespace {

using Source = TagGenerations::Source;
const TimePoint now(seconds(1'000));

ServerTime server(std::int64_t ms) { return ServerTime(milliseconds(ms)); }

}  // namespace

TEST_CASE("Nothing is known of a tag that was never read") {
  TagGenerations tags;
  CHECK(tags.find(0, "t") == nullptr);
  CHECK(tags.size() == 0);
}

TEST_CASE("A generation read over the lane is current") {
  TagGenerations tags;
  tags.learn(0, "t", server(5), now, Source::tracked_read);
  REQUIRE(tags.find(0, "t"));
  CHECK(tags.find(0, "t")->generation.hard == server(5));
  CHECK(tags.find(0, "t")->current);
}

TEST_CASE("A generation that was not read over the lane is known, but not for sure") {
  TagGenerations tags;
  tags.learn(0, "t", server(5), now, Source::other);
  REQUIRE(tags.find(0, "t"));
  CHECK(tags.find(0, "t")->generation.hard == server(5));
  CHECK_FALSE(tags.find(0, "t")->current);
}

TEST_CASE("A generation never goes back, whoever says so") {
  for (const auto first : {Source::tracked_read, Source::other}) {
    for (const auto second : {Source::tracked_read, Source::other}) {
      TagGenerations tags;
      tags.learn(0, "t", server(9), now, first);
      tags.learn(0, "t", server(5), now, second);
      CHECK(tags.find(0, "t")->generation.hard == server(9));
      tags.learn(0, "t", server(12), now, second);
      CHECK(tags.find(0, "t")->generation.hard == server(12));
    }
  }
}

TEST_CASE("An older answer that was not tracked does not make a current generation doubtful") {
  TagGenerations tags;
  tags.learn(0, "t", server(9), now, Source::tracked_read);
  tags.learn(0, "t", server(5), now, Source::other);
  CHECK(tags.find(0, "t")->current);
}

TEST_CASE("After a push a generation is kept, but must be read again") {
  TagGenerations tags;
  tags.learn(0, "t", server(9), now, Source::tracked_read);
  tags.outdate("t");
  CHECK(tags.find(0, "t")->generation.hard == server(9));
  CHECK_FALSE(tags.find(0, "t")->current);
  tags.learn(0, "t", server(9), now, Source::tracked_read);
  CHECK(tags.find(0, "t")->current);
}

TEST_CASE("A generation that was outdated stays so until the lane has read it") {
  TagGenerations tags;
  tags.learn(0, "t", server(9), now, Source::tracked_read);
  tags.outdate("t");
  tags.learn(0, "t", server(12), now, Source::other);
  CHECK_FALSE(tags.find(0, "t")->current);
}

TEST_CASE("A push concerns one tag in every database") {
  TagGenerations tags;
  for (const std::uint32_t db : {0u, 7u}) {
    tags.learn(db, "t", server(9), now, Source::tracked_read);
    tags.learn(db, "other", server(9), now, Source::tracked_read);
  }
  tags.outdate("t");
  for (const std::uint32_t db : {0u, 7u}) {
    CHECK_FALSE(tags.find(db, "t")->current);
    CHECK(tags.find(db, "other")->current);
  }
}

TEST_CASE("A push for a tag that nobody knows does nothing") {
  TagGenerations tags;
  tags.outdate("t");
  CHECK(tags.find(0, "t") == nullptr);
}

TEST_CASE("When the lane is lost every generation is kept and must be read again") {
  TagGenerations tags;
  tags.learn(0, "t", server(9), now, Source::tracked_read);
  tags.learn(3, "u", server(8), now, Source::tracked_read);
  tags.outdate_all();
  CHECK_FALSE(tags.find(0, "t")->current);
  CHECK_FALSE(tags.find(3, "u")->current);
  CHECK(tags.find(3, "u")->generation.hard == server(8));
}

TEST_CASE("Each database has generations of its own") {
  TagGenerations tags;
  tags.learn(0, "t", server(9), now, Source::tracked_read);
  CHECK(tags.find(1, "t") == nullptr);
  tags.learn(1, "t", server(5), now, Source::tracked_read);
  CHECK(tags.find(0, "t")->generation.hard == server(9));
  CHECK(tags.find(1, "t")->generation.hard == server(5));
  CHECK(tags.size() == 2);
}

TEST_CASE("It is remembered when a generation's life was last prolonged") {
  TagGenerations tags;
  tags.learn(0, "t", server(9), now, Source::tracked_read);
  tags.learn(1, "t", server(9), now, Source::tracked_read);
  tags.renewed(0, "t", now + seconds(60));
  CHECK(tags.find(0, "t")->renewed == now + seconds(60));
  CHECK(tags.find(1, "t")->renewed != now + seconds(60));
  tags.learn(0, "t", server(12), now + seconds(70), Source::other);
  CHECK(tags.find(0, "t")->renewed >= now + seconds(60));
}

TEST_CASE("Prolonging a tag that nobody knows does nothing") {
  TagGenerations tags;
  tags.renewed(0, "t", now);
  CHECK(tags.find(0, "t") == nullptr);
}

TEST_CASE("No more tags are known than the table holds; the newest is always one of them") {
  TagGenerations tags;
  for (std::size_t i = 0; i < TagGenerations::capacity + 10; ++i) {
    const auto tag = "tag" + std::to_string(i);
    const auto db = static_cast<std::uint32_t>(i % 3);
    tags.learn(db, tag, server(9), now, Source::tracked_read);
    if (tags.size() > TagGenerations::capacity) FAIL("too many tags");
    if (tags.find(db, tag) == nullptr) FAIL("the newest is missing");
  }
}

TEST_CASE("A generation's record tells when values became invalid, and when stale") {
  const ServerTime hard(milliseconds(1'000)), soft(milliseconds(2'000));
  CHECK(Generation(hard).text() == "1000");
  Generation both(hard);
  both.soft = soft;
  CHECK(both.text() == "1000 2000");
  CHECK(both.last() == soft);
  const auto again = Generation::parse("1000 2000");
  REQUIRE(again);
  CHECK(again->hard == hard);
  CHECK(again->soft == soft);
  CHECK(Generation::parse("1000")->soft == ServerTime{});
  for (const auto* text : {"", "x", "1000 ", "1000 x", " 1000"}) {
    CAPTURE(text);
    CHECK_FALSE(Generation::parse(text));
  }
}
