#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "policies/setting_types.hpp"

namespace pannier::proxy::log {

// One line per event: time, level, event=name and its fields as key=value, to standard error.
// Written by a thread of its own; when nobody reads, the oldest lines are lost, never time.
// A value with blanks, quotes or control bytes is quoted and escaped, cut at 256 bytes.

using Fields = std::initializer_list<std::pair<std::string_view, std::string>>;

void start(policies::LogLevel level);
void set_level(policies::LogLevel level);
/// Writes out what is waiting, for a second at most: who reads the log may have stopped. Call
/// before the process ends. \returns whether all is written; if not, the writing thread is still at
/// it.
[[nodiscard]] bool finish();

void debug(std::string_view event, Fields fields = {});
void info(std::string_view event, Fields fields = {});
void warning(std::string_view event, Fields fields = {});
void error(std::string_view event, Fields fields = {});

}  // namespace pannier::proxy::log
