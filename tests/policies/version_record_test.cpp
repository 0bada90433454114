#include "policies/version_record.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace pannier::policies;
using What = VersionChange::What;

namespace {

constexpr std::int64_t now = 1'700'000'000'000;

VersionChange change(What what, std::uint64_t version = 0, std::string weights = "0") {
  VersionChange made;
  made.what = what;
  made.version = version;
  made.grace = milliseconds(500);
  made.weights = std::move(weights);
  return made;
}

std::string done(std::string_view record, const VersionChange& what) {
  bool refused = true;
  const auto text = change_version(record, what, now, refused);
  CHECK_FALSE(refused);
  return text;
}

std::string refused(std::string_view record, const VersionChange& what) {
  bool is_refused = false;
  const auto text = change_version(record, what, now, is_refused);
  CHECK(is_refused);
  return text;
}

}  // namespace

TEST_CASE("A record of before is read: what it does not say follows from its version") {
  const auto record = VersionRecord::parse("7 1700000000000 90000");
  CHECK(record.current == 7);
  CHECK(record.previous == 6);
  CHECK(record.top == 7);
  CHECK_FALSE(record.pinned);
  CHECK_FALSE(record.has_weights);
  CHECK(record.text() == "7 1700000000000 90000 6 7 0 -");
}

TEST_CASE("A record is read as it was written") {
  for (const std::string text :
       {"7 1700000000000 90000 4 9 0 7:90,9:10", "1 0 300000 0 1 1 0", "3 5 0 2 3 0 -"}) {
    CHECK(VersionRecord::parse(text).text() == text);
  }
}

TEST_CASE("A record that makes no sense is none") {
  for (const std::string_view text : {"", " ", "x", "-7 0 0", "7x 1 1", "1e3"}) {
    CAPTURE(text);
    CHECK(VersionRecord::parse(text).current == 0);
  }
}

TEST_CASE("A bump goes beyond every version that anybody had, and ends all weights") {
  CHECK(done("", change(What::raise)) == "1 1700000000000 500 0 1 0 0");
  CHECK(done("3 5 0", change(What::raise)) == "4 1700000000000 500 3 4 0 0");
  CHECK(done("3 5 0 2 9 0 3:1,9:1", change(What::raise)) == "10 1700000000000 500 3 10 0 0");
  auto known = change(What::raise);
  known.current = 6;
  known.top = 8;
  CHECK(done("3 5 0", known) == "9 1700000000000 500 6 9 0 0");
}

TEST_CASE("Weights make the oldest version with one the current one") {
  auto weigh = change(What::weigh, 3, "3:90,4:10");
  weigh.top = 4;
  CHECK(done("3 5 60 2 3 0 -", weigh) == "3 5 60 2 4 0 3:90,4:10");
  CHECK(done("2 5 60 1 2 0 -", weigh) == "3 1700000000000 500 2 4 0 3:90,4:10");
  CHECK(refused("4 5 60 1 2 0 -", weigh).starts_with("ERR pannier: version 3 is older"));
}

TEST_CASE(
    "While a version is pinned it is neither bumped nor weighed, and unpinned it is as before") {
  const auto pinned = done("3 5 60 2 4 0 3:90,4:10", change(What::pin, 3));
  CHECK(pinned == "3 5 60 2 4 1 3:90,4:10");
  CHECK(refused(pinned, change(What::raise)).find("pinned to 3") != std::string::npos);
  CHECK(refused(pinned, change(What::weigh, 3)).find("pinned to 3") != std::string::npos);
  CHECK(done(pinned, change(What::unpin)) == "3 5 60 2 4 0 3:90,4:10");
}

TEST_CASE("A newer version can be pinned, an older one cannot") {
  CHECK(done("3 5 60 2 4 0 3:90,4:10", change(What::pin, 4)) == "4 1700000000000 500 3 4 1 0");
  CHECK(refused("3 5 60", change(What::pin, 2)).starts_with("ERR pannier: version 2 is older"));
}

TEST_CASE("Whatever operators do, in any order, no version goes back") {
  for (unsigned seed = 1; seed <= 200; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto any = [&](unsigned most) { return random() % (most + 1); };
    std::string record;
    std::uint64_t current = 0, top = 0;
    for (int i = 0; i < 50; ++i) {
      auto what = change(What(any(3)), 1 + any(12));
      if (what.what == What::weigh) {
        what.top = what.version + any(3);
        what.weights = std::to_string(what.version) + ":1," + std::to_string(what.top + 1) + ":1";
        ++what.top;
      }
      what.current = any(9) == 0 ? 1 + any(11) : 1;  // Another sidecar knows more, or less.
      bool is_refused = false;
      const auto text = change_version(record, what, now + i, is_refused);
      if (is_refused) continue;
      const auto read = VersionRecord::parse(text);
      CHECK(read.text() == text);
      CHECK(read.current >= current);
      CHECK(read.top >= std::max(top, read.current));
      CHECK(read.previous < read.current);
      if (what.what == What::raise) CHECK(read.current > top);
      for (const auto& one : read.weights) CHECK(one.version >= read.current);
      current = read.current;
      top = read.top;
      record = text;
    }
  }
}
