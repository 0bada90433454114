#include "proxy/admin_routes.hpp"

#include <doctest/doctest.h>

#include "proxy/admin_actions.hpp"
#include "proxy/event_intake.hpp"
#include "proxy/own_calls.hpp"
#include "proxy/server.hpp"

using namespace pannier::proxy;
using pannier::policies::Role;
using pannier::policies::Settings;
using pannier::policies::TimePoint;

namespace {

/// The routes of a port that would listen there; nothing does.
struct Routes {
  Loop loop{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE};
  Server server;
  AdminActions actions{server.pipeline(), {}};
  OwnCalls calls{server};
  EventIntake events{server, calls};
  AdminRoutes routes{{server, actions, events, [] { return Admin::Readiness{}; }, {}}};

  Routes(const std::string& listen, bool with_token) : server(loop, settings(listen, with_token)) {}
  static Settings settings(const std::string& listen, bool with_token) {
    Settings settings;
    settings.admin.listen = listen;
    if (with_token) settings.admin.tokens = {{"ops", "ops-token", "", Role::admin}};
    settings.admin.aliases = {{"/old/{tag}", "", "/invalidate/tag/{tag}", ""}};
    return settings;
  }
  unsigned status(std::string method, std::string target, const std::string& token,
                  std::string host, bool marked = false) {
    RequestHead head;
    head.method = std::move(method);
    head.target = std::move(target);
    head.hosts = {std::move(host)};
    if (marked) head.marks = {"1"};
    if (!token.empty()) head.authorizations = {"Bearer " + token};
    const auto admitted = routes.admit(head, TimePoint(std::chrono::seconds(++seconds)));
    return admitted ? 200 : admitted.error().status;
  }
  int seconds = 100;
};

}  // namespace

TEST_CASE("Without tokens a change needs the mark, also over an alias, and a loopback host") {
  Routes port("127.0.0.1:1", false);
  CHECK(port.status("POST", "/old/a", "", "localhost") == 403);
  CHECK(port.status("POST", "/old/a", "", "localhost", true) == 200);
  CHECK(port.status("POST", "/old/a", "", "10.0.0.1", true) == 403);
}

TEST_CASE("A token stands for the mark; on loopback the host still counts") {
  Routes port("127.0.0.1:1", true);
  CHECK(port.status("POST", "/old/a", "ops-token", "localhost") == 200);
  CHECK(port.status("POST", "/old/a", "ops-token", "10.0.0.1") == 403);
  CHECK(port.status("POST", "/old/a", "", "localhost", true) == 401);
}

TEST_CASE("Beyond loopback a probe may name any host, and everything else needs the token") {
  Routes port("0.0.0.0:1", true);
  CHECK(port.status("GET", "/livez", "", "10.0.0.1:9180") == 200);
  CHECK(port.status("GET", "/stats", "", "10.0.0.1:9180") == 401);
  CHECK(port.status("GET", "/stats", "ops-token", "10.0.0.1:9180") == 200);
  CHECK(port.status("GET", "/nope", "", "10.0.0.1:9180") == 401);
  CHECK(port.status("GET", "/nope", "ops-token", "10.0.0.1:9180") == 404);
}
