#include "policies/key_sweep.hpp"

#include <doctest/doctest.h>

#include "subjects.hpp"
#include "swept_upstream.hpp"

using namespace pannier::policies;

namespace {

/// A sweep of database 3, and what it told at its end.
struct Sweep {
  SweptUpstream upstream;
  Core core{upstream};
  int told = 0;
  std::uint64_t removed = 0;
  std::string error;

  explicit Sweep(std::initializer_list<const char*> keys = {}) {
    for (const auto* const key : keys) upstream.keys[key] = -1;
  }
  void start(
      std::string glob, KeySweep::Wanted wanted = [](std::string_view) { return true; }) {
    KeySweep::start(
        {Link::Kind::lane, 3, 0}, std::move(glob), std::move(wanted),
        [this](std::uint64_t count, std::string_view text, Core&) {
          ++told;
          removed = count;
          error = text;
        },
        core);
  }
  std::string keys() const {
    std::string text;
    for (const auto& [key, expiry] : upstream.keys) text += (text.empty() ? "" : " ") + key;
    return text;
  }
};

}  // namespace

TEST_CASE("A sweep removes the keys that match, and tells how many they were") {
  Sweep sweep({"user:1", "user:2", "group:1"});
  sweep.start("user:*");
  sweep.upstream.answer_all(sweep.core);
  CHECK(sweep.keys() == "group:1");
  CHECK(sweep.told == 1);
  CHECK(sweep.removed == 2);
  CHECK(sweep.error.empty());
}

TEST_CASE("A sweep of nothing tells that it removed nothing") {
  Sweep sweep({"group:1"});
  sweep.start("user:*");
  sweep.upstream.answer_all(sweep.core);
  CHECK(sweep.keys() == "group:1");
  CHECK(sweep.told == 1);
  CHECK(sweep.removed == 0);
}

TEST_CASE("Of the keys that match only those that are wanted are removed") {
  Sweep sweep({"a:v1", "a:v2", "b:v1"});
  sweep.start("*", [](std::string_view key) { return key.ends_with(":v1"); });
  sweep.upstream.answer_all(sweep.core);
  CHECK(sweep.keys() == "a:v2");
  CHECK(sweep.removed == 2);
}

TEST_CASE("The sidecar's own keys are left alone, whatever matches them") {
  Sweep sweep({"pn:g:tag", "pn:t:tag", "pn:v:user", "pnx", "user"});
  sweep.start("*");
  sweep.upstream.answer_all(sweep.core);
  CHECK(sweep.keys() == "pn:g:tag pn:t:tag pn:v:user");
  CHECK(sweep.removed == 2);
}

TEST_CASE("A sweep goes in batches, one of them under way at a time, and never uses KEYS") {
  Sweep sweep;
  for (int i = 0; i < 100; ++i) sweep.upstream.keys["user:" + std::to_string(i)] = -1;
  sweep.start("user:*");
  while (sweep.upstream.under_way() > 0) {
    REQUIRE(sweep.upstream.under_way() == 1);
    const auto names = sweep.upstream.answer(sweep.core);
    CHECK((names == "SCAN" || names == "UNLINK SCAN" || names == "UNLINK"));
  }
  CHECK(sweep.keys().empty());
  CHECK(sweep.told == 1);
  CHECK(sweep.removed == 100);
  for (const auto keys : sweep.upstream.unlinked) CHECK(keys <= SweptUpstream::scan_step);
}

TEST_CASE("Keys that were gone before they could be removed are not counted") {
  Sweep sweep({"user:1", "user:2"});
  sweep.start("user:*");
  sweep.upstream.answer(sweep.core);
  sweep.upstream.keys.erase("user:1");
  sweep.upstream.answer_all(sweep.core);
  CHECK(sweep.removed == 1);
}

TEST_CASE("Who waits for the load of a key that is swept does not go on waiting") {
  Sweep sweep({"user:1"});
  auto subject = std::make_shared<Subject>(*subject_of("user:1"));
  subject->db = 3;
  subject->table_key = table_key(3, "user:1");
  sweep.core.leases.grant(subject, 1, TimePoint(), TimePoint(seconds(10)));
  sweep.start("user:*");
  sweep.upstream.answer(sweep.core);
  CHECK_FALSE(sweep.core.leases.held(subject->table_key));
}

TEST_CASE("An error of a SCAN ends the sweep and is told") {
  Sweep sweep({"user:1"});
  sweep.upstream.errors["SCAN"] = "-ERR no\r\n";
  sweep.start("user:*");
  sweep.upstream.answer_all(sweep.core);
  CHECK(sweep.told == 1);
  CHECK(sweep.error == "-ERR no\r\n");
  CHECK(sweep.keys() == "user:1");
}

TEST_CASE("Where keys cannot be removed that is told, and only once") {
  for (const int keys : {1, 30}) {
    CAPTURE(keys);
    Sweep sweep;
    for (int i = 0; i < keys; ++i) sweep.upstream.keys["a" + std::to_string(i)] = -1;
    for (int i = 0; i < 30; ++i) sweep.upstream.keys["b" + std::to_string(i)] = -1;
    sweep.upstream.errors["UNLINK"] = "-READONLY no\r\n";
    sweep.start("a*");
    sweep.upstream.answer_all(sweep.core);
    CHECK(sweep.told == 1);
    CHECK(sweep.removed == 0);
    CHECK(sweep.error == "-READONLY no\r\n");
  }
}

TEST_CASE("When upstream is lost the sweep ends and tells what it had removed until then") {
  Sweep sweep;
  for (int i = 0; i < 20; ++i) sweep.upstream.keys["user:" + std::to_string(10 + i)] = -1;
  sweep.start("user:*");
  sweep.upstream.answer(sweep.core);
  sweep.upstream.answer(sweep.core);
  sweep.upstream.die(sweep.core);
  CHECK(sweep.told == 1);
  CHECK(sweep.removed == SweptUpstream::scan_step);
  CHECK(sweep.error == "-ERR pannier: gone\r\n");
}
