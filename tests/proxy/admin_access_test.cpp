#include "proxy/admin_access.hpp"

#include <doctest/doctest.h>

using namespace pannier::proxy;
using pannier::policies::AdminSettings;
using pannier::policies::Role;
using pannier::policies::TimePoint;
using namespace std::chrono_literals;

namespace {

AdminSettings with_tokens() {
  AdminSettings settings;
  settings.tokens = {{"ops", "ops-token", "", Role::admin},
                     {"ci", "ci-token", "", Role::invalidate},
                     {"board", "board-token", "", Role::read}};
  return settings;
}

RequestHead with(std::vector<std::string> authorizations) {
  RequestHead head;
  head.authorizations = std::move(authorizations);
  return head;
}

std::string who(const AdminAccess& access, std::vector<std::string> authorizations) {
  const auto caller = access.caller(with(std::move(authorizations)));
  return caller.name + " " + setting_text(caller.role);
}

Route route(Role needs, bool changes = false) {
  Route route;
  route.needs = needs;
  route.changes = changes;
  return route;
}

constexpr TimePoint start{1'000s};

}  // namespace

TEST_CASE("Without tokens everybody may do everything") {
  AdminAccess access{AdminSettings{}};
  CHECK(who(access, {}) == " admin");
  CHECK(!access.objection(access.caller(with({})), route(Role::admin, true), start));
}

TEST_CASE("A token is a whole word behind Bearer, in one header") {
  const AdminAccess access{with_tokens()};
  CHECK(who(access, {"Bearer ops-token"}) == "ops admin");
  CHECK(who(access, {"bearer   ci-token"}) == "ci invalidate");
  for (const std::string text : {"Bearer ops-toke", "Bearer ops-tokens", "Bearer ops-token ",
                                 "Bearer", "Bearer ", "ops-token", "Basic ops-token", "",
                                 "Bearer OPS-TOKEN", "Bearer ops-token, Bearer ops-token"}) {
    CHECK_MESSAGE(who(access, {text}) == " none", text);
  }
  CHECK(who(access, {"Bearer ops-token", "Bearer ops-token"}) == " none");
  CHECK(who(access, {}) == " none");
}

TEST_CASE("Roles contain each other, and what needs none is for everybody") {
  AdminAccess access{with_tokens()};
  const auto status = [&](const char* token, Role needs) {
    const auto caller = access.caller(with({std::string("Bearer ") + token}));
    const auto refusal = access.objection(caller, route(needs), start);
    return refusal ? refusal->status : 200;
  };
  CHECK(status("ops-token", Role::admin) == 200);
  CHECK(status("ci-token", Role::admin) == 403);
  CHECK(status("ci-token", Role::invalidate) == 200);
  CHECK(status("board-token", Role::invalidate) == 403);
  CHECK(status("board-token", Role::read) == 200);
  CHECK(status("nobody", Role::read) == 401);
  CHECK(status("nobody", Role::none) == 200);
}

TEST_CASE("Metrics can be opened, and nothing else with them") {
  auto settings = with_tokens();
  settings.open_metrics = true;
  AdminAccess access{settings};
  auto metrics = route(Role::read);
  metrics.to = Route::To::metrics;
  CHECK(!access.objection({}, metrics, start));
  CHECK(access.objection({}, route(Role::read), start)->status == 401);
}

TEST_CASE("Ten failures a second are told what they lack, and right tokens are never refused") {
  AdminAccess access{with_tokens()};
  int refused = 0, limited = 0;
  for (int i = 0; i < 100; ++i) {
    const auto status = access.objection({}, route(Role::read), start)->status;
    ++(status == 429 ? limited : refused);
  }
  CHECK(refused == 10);
  CHECK(limited == 90);
  const auto ops = access.caller(with({"Bearer ops-token"}));
  CHECK(!access.objection(ops, route(Role::admin), start));
  CHECK(access.objection({}, route(Role::read), start + 100ms)->status == 401);
}

TEST_CASE("A hundred changes a second are carried out, and looks do not count") {
  AdminAccess access{AdminSettings{}};
  const auto anybody = access.caller({});
  int done = 0;
  for (int i = 0; i < 500; ++i) {
    CHECK(!access.objection(anybody, route(Role::read), start));
    done += access.objection(anybody, route(Role::admin, true), start) ? 0 : 1;
  }
  CHECK(done == 100);
  CHECK(!access.objection(anybody, route(Role::admin, true), start + 10ms));
}
