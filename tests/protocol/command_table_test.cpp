#include "protocol/command_table.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <set>
#include <string>

using namespace pannier::protocol;

namespace {

const CommandSpec& spec_of(std::string_view name) {
  const CommandSpec* const spec = find_command(name);
  REQUIRE(spec != nullptr);
  return *spec;
}

std::string upper(std::string_view name) {
  std::string text(name);
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

}  // namespace

TEST_CASE("every command of the table is found by its name in any case") {
  CHECK(all_commands().size() == 241);
  for (const CommandSpec& spec : all_commands()) {
    CAPTURE(spec.name);
    CHECK(find_command(spec.name) == &spec);
    CHECK(find_command(upper(spec.name)) == &spec);
    CHECK(find_command(std::string(spec.name) + "x") != &spec);
  }
}

TEST_CASE("a name is written once, in lower case") {
  std::set<std::string_view> names;
  for (const CommandSpec& spec : all_commands()) {
    CAPTURE(spec.name);
    CHECK(names.insert(spec.name).second);
    CHECK(std::none_of(spec.name.begin(), spec.name.end(),
                       [](char c) { return c >= 'A' && c <= 'Z'; }));
  }
}

TEST_CASE("what is not a command is not found") {
  for (const char* name : {"", "g", "gett", "ge", "json.get", "config|get", "G\x05T",
                           "restore_asking", "restore\rasking"}) {
    CAPTURE(name);
    CHECK(find_command(name) == nullptr);
  }
  CHECK(find_command(std::string(1 << 20, 'g')) == nullptr);
  CHECK(find_command(std::string_view("get\0", 4)) == nullptr);
}

TEST_CASE("the columns of a line agree with each other") {
  for (const CommandSpec& spec : all_commands()) {
    CAPTURE(spec.name);
    CHECK(spec.arity != 0);
    CHECK((spec.first_key == 0) == (spec.key_step == 0));
    CHECK(spec.movable_keys == (spec.key_rule != KeyRule::fixed));
    const bool has_keys = spec.first_key != 0 || spec.movable_keys;
    if (spec.access == Access::read || spec.access == Access::write) CHECK(has_keys);
    if (spec.route == Route::lane) CHECK_FALSE(spec.may_block);
    if (spec.route != Route::lane) CHECK(spec.plain_with.empty());
    if (spec.may_block) CHECK(spec.route == Route::pin);
  }
}

TEST_CASE("every verb belongs to the one command of its name") {
  const std::pair<Verb, std::string_view> verbs[] = {
#define PANNIER_VERB(name) {Verb::name, #name},
#include "protocol/verbs.def"
#undef PANNIER_VERB
  };
  for (const auto& [verb, name] : verbs) {
    CAPTURE(name);
    CHECK(spec_of(name).verb == verb);
    CHECK(std::count_if(all_commands().begin(), all_commands().end(),
                        [v = verb](const CommandSpec& spec) { return spec.verb == v; }) == 1);
  }
}

TEST_CASE("commands travel the way their nature asks") {
  for (const char* name :
       {"get", "set", "mget", "del", "hget", "lpush", "sadd", "zadd", "flushall"}) {
    CHECK(spec_of(name).route == Route::lane);
  }
  for (const char* name : {"lmpop", "geopos", "eval", "info", "command", "config"}) {
    CHECK(spec_of(name).route == Route::plain);
  }
  for (const char* name :
       {"multi", "exec", "watch", "subscribe", "monitor", "blpop", "wait", "xread"}) {
    CHECK(spec_of(name).route == Route::pin);
  }
  for (const char* name :
       {"ping", "hello", "auth", "select", "client", "quit", "reset", "pannier"}) {
    CHECK(spec_of(name).route == Route::local);
  }
}

TEST_CASE("what may change any key is not mistaken for a command on its own keys") {
  for (const char* name :
       {"flushall", "flushdb", "swapdb", "eval", "evalsha", "fcall", "move", "debug"}) {
    CAPTURE(name);
    CHECK(spec_of(name).access == Access::all);
  }
  CHECK(spec_of("eval_ro").access == Access::read);
  CHECK(spec_of("sort").access == Access::write);
  CHECK(spec_of("ping").access == Access::none);
}

TEST_CASE("arity is exact, or a minimum when negative") {
  CHECK(spec_of("get").accepts(2));
  CHECK_FALSE(spec_of("get").accepts(3));
  CHECK(spec_of("set").accepts(3));
  CHECK(spec_of("set").accepts(9));
  CHECK_FALSE(spec_of("set").accepts(2));
}
