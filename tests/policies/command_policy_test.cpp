#include "policies/command_policy.hpp"

#include <doctest/doctest.h>

#include "policies/settings.hpp"

using namespace pannier;
using namespace pannier::policies;

namespace {

std::string_view refused(const CommandPolicy& policy, std::vector<std::string_view> args) {
  return policy.refuses(protocol::find_command(args[0]), {args, {}});
}

}  // namespace

TEST_CASE("Without a list nothing is refused") {
  const CommandPolicy none, empty(std::vector<std::string>{});
  for (const auto& policy : {none, empty}) {
    CHECK(refused(policy, {"SHUTDOWN"}).empty());
    CHECK(refused(policy, {"CONFIG", "SET", "maxmemory", "1"}).empty());
    CHECK(refused(policy, {"nosuch"}).empty());
  }
}

TEST_CASE("A denied command is refused in any case of letters, with any arguments") {
  const CommandPolicy policy({"monitor", "debug"});
  CHECK(refused(policy, {"MONITOR"}) == "monitor");
  CHECK(refused(policy, {"Debug", "SLEEP", "1"}) == "debug");
  CHECK(refused(policy, {"monitor", "too", "many"}) == "monitor");
  CHECK(refused(policy, {"GET", "monitor"}).empty());
}

TEST_CASE("A denied subcommand leaves the command's others alone") {
  const CommandPolicy policy({"config|set", "client|kill"});
  CHECK(refused(policy, {"CONFIG", "Set", "maxmemory", "1"}) == "config|set");
  CHECK(refused(policy, {"CLIENT", "KILL"}) == "client|kill");
  CHECK(refused(policy, {"CONFIG", "GET", "*"}).empty());
  CHECK(refused(policy, {"CONFIG"}).empty());
  CHECK(refused(policy, {"CLIENT", "ID"}).empty());
}

TEST_CASE("A command that the table does not know can be denied as well") {
  const CommandPolicy policy({"module.danger", "ft.config|set"});
  CHECK(refused(policy, {"MODULE.DANGER", "x"}) == "module.danger");
  CHECK(refused(policy, {"FT.CONFIG", "SET", "x"}) == "ft.config|set");
  CHECK(refused(policy, {"FT.CONFIG", "GET", "x"}).empty());
  CHECK(refused(policy, {"FT.SEARCH", "x"}).empty());
}

TEST_CASE("What is denied by default can do harm beyond one application, and nothing else is") {
  const CommandPolicy policy(Settings{}.deny);
  for (const std::string_view name : {"MONITOR", "SHUTDOWN", "REPLICAOF", "DEBUG", "SYNC"}) {
    CAPTURE(name);
    CHECK_FALSE(refused(policy, {name}).empty());
  }
  CHECK_FALSE(refused(policy, {"CONFIG", "SET", "a", "b"}).empty());
  for (const std::string_view name : {"GET", "EVAL", "FLUSHALL", "SUBSCRIBE", "INFO", "COMMAND"}) {
    CAPTURE(name);
    CHECK(refused(policy, {name}).empty());
  }
  CHECK(refused(policy, {"CONFIG", "GET", "maxmemory"}).empty());
  CHECK(refused(policy, {"CLIENT", "LIST"}).empty());
}
