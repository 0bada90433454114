#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/support/fake_redis.hpp"

namespace pannier::tests {

/// Ends the scenario: throws std::runtime_error.
[[noreturn]] void fail(const std::string& why);

/// A line as redis-cli would take it, as it travels.
std::string command(std::string_view line);
std::string joined(const std::vector<std::string_view>& words);

/// Whether the sidecar sends it for its own sake: no scenario need name it.
bool is_own(const FakeRedis::Args& args);

/// `pattern` word by word, where `*` is any word.
bool command_matches(std::string_view pattern, std::string_view text);

/// What stands between ` | `.
std::vector<std::string_view> split_bars(std::string_view line);

}  // namespace pannier::tests
