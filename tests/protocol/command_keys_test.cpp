#include <doctest/doctest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "protocol/command_table.hpp"

using namespace pannier::protocol;

namespace {

struct Row {
  std::vector<std::string> words;  ///< The command.
  std::vector<std::string> keys;
};

Row row_of(const std::string& line) {
  Row row;
  std::istringstream words(line);
  auto* into = &row.words;
  for (std::string word; words >> word;) {
    if (word == "=>") {
      into = &row.keys;
    } else {
      into->push_back(word == "\"\"" ? "" : word);
    }
  }
  return row;
}

/// The keys that find_keys sees in a command, in the notation of key_positions.txt.
std::vector<std::string> keys_of(const std::vector<std::string>& words) {
  const std::vector<std::string_view> args(words.begin(), words.end());
  const CommandSpec* const spec = find_command(args[0]);
  REQUIRE(spec != nullptr);
  std::vector<std::uint32_t> positions{99};
  if (!find_keys(*spec, args, positions)) return {"?"};
  std::vector<std::string> keys;
  for (const std::uint32_t position : positions) keys.push_back(words.at(position));
  return keys.empty() ? std::vector<std::string>{"-"} : keys;
}

bool lane(std::vector<std::string_view> args) { return converts(*find_command(args[0]), args); }
bool waits(std::vector<std::string_view> args) { return blocks(*find_command(args[0]), args); }

}  // namespace

TEST_CASE("the keys of a command are found where Redis finds them") {
  std::ifstream file(PANNIER_SOURCE_DIR "/tests/protocol/key_positions.txt");
  int rows = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    const Row row = row_of(line);
    CAPTURE(line);
    CHECK(keys_of(row.words) == row.keys);
    ++rows;
  }
  CHECK(rows > 100);
}

TEST_CASE("the keys of a command with a wrong number of arguments cannot be told") {
  for (const CommandSpec& spec : all_commands()) {
    CAPTURE(spec.name);
    std::vector<std::uint32_t> positions{1};
    const std::vector<std::string_view> args(spec.accepts(1) ? 0 : 1, spec.name);
    if (args.empty()) continue;
    CHECK_FALSE(find_keys(spec, args, positions));
    CHECK(positions.empty());
  }
}

TEST_CASE("the keys of a learned command with movable keys cannot be told") {
  const CommandSpec learned{"json.mget", -2, Access::read, Route::plain, Verb::other, 1,
                            -2,          1,  true,         false};
  std::vector<std::uint32_t> positions;
  const std::string_view args[] = {"json.mget", "a", "b", "$"};
  CHECK_FALSE(find_keys(learned, args, positions));
  CommandSpec fixed = learned;
  fixed.movable_keys = false;
  CHECK(find_keys(fixed, args, positions));
  CHECK(positions == std::vector<std::uint32_t>{1, 2});
}

TEST_CASE("an option that changes the reply's shape keeps a command off the lane") {
  CHECK(lane({"GET", "k"}));
  CHECK(lane({"ZADD", "z", "NX", "1", "a"}));
  CHECK(lane({"ZADD", "z", "incr", "1", "a"}));
  CHECK(lane({"LPOP", "l"}));
  CHECK_FALSE(lane({"LPOP", "l", "2"}));
  CHECK(lane({"ZRANGE", "z", "0", "-1"}));
  CHECK_FALSE(lane({"ZRANGE", "z", "0", "-1", "WithScores"}));
  CHECK(lane({"LCS", "a", "b"}));
  CHECK_FALSE(lane({"LCS", "a", "b", "IDX"}));
  CHECK(lane({"HGETALL", "h"}));
}

TEST_CASE("XREAD waits only with BLOCK, other blocking commands always") {
  CHECK(waits({"BLPOP", "l", "0"}));
  CHECK(waits({"WAIT", "1", "0"}));
  CHECK(waits({"XREAD", "COUNT", "1", "block", "0", "STREAMS", "s", "0"}));
  CHECK(waits({"XREADGROUP", "GROUP", "g", "c", "BLOCK", "0", "STREAMS", "s", ">"}));
  CHECK_FALSE(waits({"XREAD", "STREAMS", "block", "0"}));
  CHECK_FALSE(waits({"XREAD", "COUNT", "1", "STREAMS", "s", "0"}));
  CHECK_FALSE(waits({"LPOP", "l"}));
}
