#include "policies/spelling.hpp"

#include <doctest/doctest.h>

using namespace pannier::policies;

TEST_CASE("A word is taken for the name it differs least from") {
  const std::vector<std::string_view> names{"ttl", "ttl_mode", "jitter", "stale", "on_down"};
  CHECK(nearest_name("tll", names) == "ttl");
  CHECK(nearest_name("tlt", names) == "ttl");
  CHECK(nearest_name("TTL", names) == "ttl");
  CHECK(nearest_name("ttlmode", names) == "ttl_mode");
  CHECK(nearest_name("jiter", names) == "jitter");
  CHECK(nearest_name("jittre", names) == "jitter");
  CHECK(nearest_name("stal", names) == "stale");
  CHECK(nearest_name("on-down", names) == "on_down");
  CHECK(nearest_name("on_", names) == "on_down");
}

TEST_CASE("A word that is far from every name is not guessed at") {
  const std::vector<std::string_view> names{"ttl", "a", "jitter"};
  CHECK(nearest_name("refresh", names).empty());
  CHECK(nearest_name("b", names).empty());
  CHECK(nearest_name("", names).empty());
  CHECK(nearest_name(std::string(1'000'000, 't'), names).empty());
  CHECK(nearest_name("ttl", {}).empty());
}

TEST_CASE("A suggestion names the nearest name, or all of them") {
  CHECK(suggestion("tll", {"ttl", "jitter"}) == " (did you mean 'ttl'?)");
  CHECK(suggestion("refresh", {"ttl", "jitter"}) == " (known: ttl, jitter)");
  CHECK(suggestion("x", {}).empty());
}

TEST_CASE("What is quoted stays on one line of bounded length") {
  CHECK(quoted("a b") == "'a b'");
  CHECK(quoted("a\r\nb\x7f") == "'a??b?'");
  CHECK(quoted(std::string(61, 'x')) == "'" + std::string(60, 'x') + "...'");
}
