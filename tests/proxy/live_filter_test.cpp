#include "proxy/live_filter.hpp"

#include <doctest/doctest.h>

using namespace pannier::proxy;
using pannier::policies::Change;
using pannier::policies::Invalidation;

namespace {

LiveFilter filter(std::string_view query) {
  auto parsed = LiveFilter::parse(query);
  REQUIRE(parsed.has_value());
  return *parsed;
}

bool has_wrong(std::string_view query) { return !LiveFilter::parse(query).has_value(); }

bool hears(const LiveFilter& filter, Invalidation what, std::set<std::string> key_tags = {}) {
  return filter.concerns(what, key_tags);
}

Invalidation of_keys(std::vector<std::string> keys) {
  Invalidation what;
  what.keys = std::move(keys);
  return what;
}

Invalidation of_tags(std::vector<std::string> tags) {
  Invalidation what;
  what.tags = std::move(tags);
  return what;
}

}  // namespace

TEST_CASE("Names are decoded between the commas") {
  CHECK(filter("tags=a%2Cb,c&patterns=x*").tags() == std::set<std::string>{"a,b", "c"});
  CHECK(filter("tags=a&tags=b").tags() == std::set<std::string>{"a", "b"});
  CHECK(filter("").tags().empty());
  for (const auto* query : {"tags", "tag=a", "tags=a,,b", "tags=%g0", "tags=a/b", "=a", "tags=,"}) {
    CHECK_MESSAGE(has_wrong(query), query);
  }
}

TEST_CASE("Without a filter all invalidations are heard, and no updates") {
  const auto all = filter("");
  CHECK(hears(all, of_keys({"a"})));
  CHECK(hears(all, of_tags({"a"})));
  const std::vector<std::string> tags{"a"};
  CHECK(!all.concerns(Change{Change::Kind::stored, "k", tags}));
}

TEST_CASE("Tags are heard of by name, by all_of, and by keys that have them") {
  const auto mine = filter("tags=a,b");
  CHECK(hears(mine, of_tags({"x", "b"})));
  CHECK(!hears(mine, of_tags({"x"})));
  CHECK(hears(mine, of_keys({"k"}), {"a"}));
  CHECK(!hears(mine, of_keys({"k"}), {"x"}));
  Invalidation both;
  both.all_of = {{"x", "a"}};
  CHECK(hears(mine, both));
  const std::vector<std::string> tags{"x", "a"};
  CHECK(mine.concerns(Change{Change::Kind::stored, "k", tags}));
  CHECK(mine.concerns(Change{Change::Kind::tag, "a"}));
  CHECK(!mine.concerns(Change{Change::Kind::tag, "x"}));
}

TEST_CASE("What may mean any key is heard by everybody") {
  const auto mine = filter("tags=a&patterns=k:*");
  Invalidation pattern, rule;
  pattern.patterns = {"other:*"};
  rule.rules = {"other"};
  CHECK(hears(mine, pattern));
  CHECK(hears(mine, rule));
  CHECK(mine.concerns(Change{Change::Kind::ban, "ph*"}));
  CHECK(hears(mine, of_keys({"k:1"})));
  CHECK(!hears(mine, of_keys({"x:1"})));
}
