#include "proxy/log.hpp"

#include <spdlog/async.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <future>
#include <memory>
#include <thread>

namespace pannier::proxy::log {

namespace {

constexpr std::size_t queue_size = 8192, longest_value = 256;

std::string shown(std::string_view value) {
  const bool cut = value.size() > longest_value;
  if (cut) value = value.substr(0, longest_value);
  bool plain = !value.empty() && !cut;
  for (const char byte : value)
    plain = plain && byte > ' ' && byte < 0x7f && byte != '"' && byte != '=';
  if (plain) return std::string(value);
  std::string quoted = "\"";
  for (const char byte : value) {
    if (byte == '"' || byte == '\\') quoted += '\\';
    quoted += byte >= ' ' && byte < 0x7f ? byte : '?';
  }
  return quoted + (cut ? "...\"" : "\"");
}

spdlog::level::level_enum to_spdlog(policies::LogLevel level) {
  switch (level) {
    case policies::LogLevel::debug:
      return spdlog::level::debug;
    case policies::LogLevel::info:
      return spdlog::level::info;
    case policies::LogLevel::warning:
      return spdlog::level::warn;
    case policies::LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

void write(spdlog::level::level_enum level, std::string_view event, Fields fields) {
  auto* logger = spdlog::default_logger_raw();
  if (!logger->should_log(level)) return;
  std::string line = "event=";
  line += event;
  for (const auto& [name, value] : fields) {
    line += ' ';
    line += name;
    line += '=';
    line += shown(value);
  }
  logger->log(level, line);
}

}  // namespace

void start(policies::LogLevel level) {
  spdlog::init_thread_pool(queue_size, 1);
  auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  auto logger =
      std::make_shared<spdlog::async_logger>("pannier", std::move(sink), spdlog::thread_pool(),
                                             spdlog::async_overflow_policy::overrun_oldest);
  logger->set_pattern("time=%Y-%m-%dT%H:%M:%S.%eZ level=%l %v", spdlog::pattern_time_type::utc);
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
  set_level(level);
}

void set_level(policies::LogLevel level) { spdlog::set_level(to_spdlog(level)); }

bool finish() {
  try {
    auto ended = std::make_shared<std::promise<void>>();
    auto end = ended->get_future();
    std::thread([ended] {
      spdlog::shutdown();
      ended->set_value();
    }).detach();
    return end.wait_for(std::chrono::seconds(1)) == std::future_status::ready;
  } catch (const std::exception&) {
    return false;  // No memory for a thread: not a moment to insist.
  }
}

void debug(std::string_view event, Fields fields) { write(spdlog::level::debug, event, fields); }
void info(std::string_view event, Fields fields) { write(spdlog::level::info, event, fields); }
void warning(std::string_view event, Fields fields) { write(spdlog::level::warn, event, fields); }
void error(std::string_view event, Fields fields) { write(spdlog::level::err, event, fields); }

}  // namespace pannier::proxy::log
