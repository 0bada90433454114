#include "policies/tag_names.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>

#include "policies/tag_generations.hpp"

using namespace pannier::policies;

TEST_CASE("An ordinary tag is its own name") {
  for (const auto* tag : {"tenant:7", "kpi", "a/b-c_d.e+f", "%7B", "product:12%"}) {
    CHECK(tag_name(tag) == tag);
    CHECK(is_tag_name(tag));
  }
}

TEST_CASE("Braces, quotes, control bytes and what is not ASCII are written in hexadecimal") {
  CHECK(tag_name("a{b}") == "a%7Bb%7D");
  CHECK(tag_name("a b\n") == "a%20b%0A");
  CHECK(tag_name(std::string_view("\0x", 2)) == "%00x");
  CHECK(tag_name("\xc3\xbc") == "%C3%BC");
}

TEST_CASE("A long tag is cut, and those that differ beyond the cut stay apart") {
  const std::string begin(10'000, 'a');
  CHECK(tag_name(std::string(256, 'a')) == std::string(256, 'a'));
  CHECK(tag_name(begin + "1").size() == 233);
  CHECK(tag_name(begin + "1") != tag_name(begin + "2"));
  CHECK(tag_name(begin + "1").starts_with(std::string(200, 'a') + "~"));
}

TEST_CASE("Whatever a tag is made of, its name is well formed, fixed, and of no other tag") {
  std::mt19937 random(7);
  std::map<std::string, std::string> tags;  // By name.
  for (int i = 0; i < 20'000; ++i) {
    std::string tag(random() % (i % 10 == 0 ? 2'000 : 12), '\0');
    // No %: a tag that looks like another one's name shares it on purpose.
    for (char& byte : tag) {
      do byte = static_cast<char>(random());
      while (byte == '%');
    }
    CAPTURE(tag);
    const auto name = tag_name(tag);
    CHECK(name.size() <= 256);
    CHECK(std::all_of(name.begin(), name.end(), [](char byte) {
      return byte > ' ' && byte <= '~' && byte != '{' && byte != '}';
    }));
    CHECK(tag_name(name) == name);
    CHECK(tags.emplace(name, tag).first->second == tag);
  }
}

TEST_CASE("A generation is found by the tag, by its name, and by the key that is pushed") {
  const std::string tag = "product:{\n" + std::string(300, 'x');
  TagGenerations generations;
  const TimePoint now{};
  const ServerTime at{milliseconds(5)};
  generations.learn(0, tag, at, now, TagGenerations::Source::tracked_read);
  REQUIRE(generations.find(0, tag) != nullptr);
  CHECK(generations.find(0, tag_name(tag)) == generations.find(0, tag));
  CHECK(generations.find(0, tag)->current);
  generations.outdate(TagGenerations::key(tag).substr(TagGenerations::key_prefix.size()));
  CHECK_FALSE(generations.find(0, tag)->current);
}
