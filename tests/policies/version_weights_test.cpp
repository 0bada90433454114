#include "policies/version_weights.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <map>

using namespace pannier::policies;

namespace {

constexpr int clients = 10'000;

std::string client(int i) { return "web-" + std::to_string(i); }

/// How many of the clients use each version.
std::map<std::uint64_t, int> split(const VersionWeights& weights) {
  std::map<std::uint64_t, int> found;
  for (int i = 0; i < clients; ++i) ++found[version_at(weights, place_of("report", client(i)))];
  return found;
}

VersionWeights read(std::initializer_list<std::pair<const char*, const char*>> pairs) {
  VersionWeights weights;
  for (const auto& [version, weight] : pairs) REQUIRE(add_weight(weights, version, weight).empty());
  return weights;
}

}  // namespace

TEST_CASE("Of 10,000 clients each version gets its share within one percent") {
  for (const auto& weights :
       {VersionWeights{{1, 90}, {2, 10}}, VersionWeights{{1, 50}, {2, 50}},
        VersionWeights{{3, 98}, {4, 1}, {7, 1}}, VersionWeights{{1, 1}, {2, 2}, {3, 3}}}) {
    double all = 0;
    for (const auto& one : weights) all += one.weight;
    auto found = split(weights);
    for (const auto& [version, weight] : weights) {
      CAPTURE(version);
      CHECK(std::abs(found[version] / double(clients) - weight / all) < .01);
    }
  }
}

TEST_CASE("A client has the same place every time, and another one for another version name") {
  CHECK(place_of("report", "web-1") == place_of("report", "web-1"));
  CHECK(place_of("report", "web-1") != place_of("user", "web-1"));
  int both = 0;
  for (int i = 0; i < clients; ++i) {
    both += place_of("report", client(i)) >= .5 && place_of("user", client(i)) >= .5;
  }
  CHECK(std::abs(both / double(clients) - .25) < .02);
}

TEST_CASE("A newest version that grows moves nobody back, and only whom it has to") {
  const VersionWeights before{{1, 90}, {2, 10}}, after{{1, 70}, {2, 30}};
  int moved = 0;
  for (int i = 0; i < clients; ++i) {
    const auto place = place_of("report", client(i));
    const auto was = version_at(before, place), is = version_at(after, place);
    CHECK(is >= was);
    moved += is != was;
  }
  CHECK(std::abs(moved / double(clients) - .2) < .01);
}

TEST_CASE("A version without weight is nobody's") {
  CHECK(split({{1, 0}, {2, 5}, {3, 0}}) == std::map<std::uint64_t, int>{{2, clients}});
  CHECK(version_at({{1, 1}, {2, 0}}, .9999999) == 1);
}

TEST_CASE("Weights are read in any order and written in that of their versions") {
  CHECK(weights_text(read({{"10", "5"}, {"2", "90"}})) == "2=90 10=5");
  CHECK(weights_text(read({{"2", "90"}, {"10", "5"}}), ':', ',') == "2:90,10:5");
  CHECK(weights_text({}).empty());
}

TEST_CASE("Weights that cannot be are refused") {
  for (const auto& [version, weight] :
       std::initializer_list<std::pair<const char*, const char*>>{{"0", "1"},
                                                                  {"-1", "1"},
                                                                  {"x", "1"},
                                                                  {"", "1"},
                                                                  {"01", "1"},
                                                                  {"1000000000000001", "1"},
                                                                  {"2", "-1"},
                                                                  {"2", ""},
                                                                  {"2", "1.5"},
                                                                  {"2", "10%"},
                                                                  {"2", "1000001"},
                                                                  {"1", "5"}}) {
    CAPTURE(version);
    CAPTURE(weight);
    VersionWeights weights{{1, 1}};
    CHECK_FALSE(add_weight(weights, version, weight).empty());
    CHECK(weights.size() == 1);
  }
  VersionWeights many;
  for (std::size_t i = 1; i <= most_weights; ++i) {
    CHECK(add_weight(many, std::to_string(i), "1").empty());
  }
  CHECK_FALSE(add_weight(many, "99", "1").empty());
}
