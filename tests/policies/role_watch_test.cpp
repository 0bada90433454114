#include "policies/role_watch.hpp"

#include <doctest/doctest.h>

#include "subjects.hpp"
#include "tests/support/sidecar.hpp"

using namespace pannier::policies;
using pannier::tests::FakeRedis;
using pannier::tests::Sidecar;

namespace {

struct Watched {
  FakeRedis redis;
  Sidecar sidecar{redis, Settings{}, TimePoint(seconds(100)), true};
  milliseconds passed{0};

  /// Upstream is asked every second, and answers so long after that.
  void pass(milliseconds time, milliseconds answers_after) {
    for (; time.count() > 0; time -= milliseconds(1)) {
      sidecar.now += milliseconds(1);
      redis.now += milliseconds(1);
      sidecar.tick();
      if (++passed % milliseconds(1'000) == answers_after) sidecar.settle();
    }
  }
  bool is_slow() { return sidecar.pipeline().core().role_watch.is_slow(sidecar.now); }
};

}  // namespace

TEST_CASE("Upstream is slow when it takes much longer to answer than it can") {
  Watched one;
  CHECK_FALSE(one.is_slow());
  one.pass(milliseconds(3'500), milliseconds(1));
  CHECK_FALSE(one.is_slow());
  one.pass(milliseconds(700), milliseconds(900));
  CHECK(one.is_slow());  // It has not answered yet.
  one.pass(milliseconds(800), milliseconds(900));
  CHECK(one.is_slow());  // But late.
  one.pass(seconds(2), milliseconds(1));
  CHECK(one.is_slow());  // Two answers may have had luck.
  one.pass(seconds(2), milliseconds(1));
  CHECK_FALSE(one.is_slow());
}

TEST_CASE("Upstream that is far away is not slow") {
  Watched one;
  one.pass(milliseconds(5'500), milliseconds(80));
  CHECK_FALSE(one.is_slow());
}

TEST_CASE("A connection that is lost takes its question with it") {
  Watched one;
  one.pass(milliseconds(3'500), milliseconds(1));
  one.pass(milliseconds(700), milliseconds(900));
  CHECK(one.is_slow());
  one.sidecar.break_link({Link::Kind::lane, 0, 0});
  CHECK_FALSE(one.is_slow());  // Who knows?
  one.sidecar.connected();
  one.pass(milliseconds(1'500), milliseconds(501));
  CHECK_FALSE(one.is_slow());
}
