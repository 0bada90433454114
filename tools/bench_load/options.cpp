#include "tools/bench_load/options.hpp"

#include <charconv>
#include <stdexcept>
#include <string_view>

namespace bench_load {
namespace {

[[noreturn]] void refuse(std::string_view name, std::string_view value, std::string_view expected) {
  throw std::invalid_argument("--" + std::string(name) + " " + std::string(value) + ": expected " +
                              std::string(expected));
}

std::size_t count(std::string_view name, std::string_view value) {
  std::size_t number = 0;
  const auto [end, error] = std::from_chars(value.begin(), value.end(), number);
  if (error != std::errc{} || end != value.end() || number == 0 || number > 100'000'000)
    refuse(name, value, "a whole number of at least 1");
  return number;
}

double seconds(std::string_view name, std::string_view value) {
  double number = 0;
  const auto [end, error] = std::from_chars(value.begin(), value.end(), number);
  if (error != std::errc{} || end != value.end() || !(number > 0) || number > 3600)
    refuse(name, value, "seconds, more than 0 and at most 3600");
  return number;
}

bool flag(std::string_view name, std::string_view value) {
  if (value == "yes") return true;
  if (value == "no") return false;
  refuse(name, value, "yes or no");
}

Command command(std::string_view name, std::string_view value) {
  if (value == "get") return Command::get;
  if (value == "set") return Command::set;
  refuse(name, value, "get or set");
}

void take(Options& options, std::string_view name, std::string_view value) {
  if (name == "address") {
    options.address = value;
  } else if (name == "command") {
    options.command = command(name, value);
  } else if (name == "size") {
    options.size = count(name, value);
  } else if (name == "pipeline") {
    options.pipeline = count(name, value);
  } else if (name == "connections") {
    options.connections = count(name, value);
  } else if (name == "keys") {
    options.keys = count(name, value);
  } else if (name == "stride") {
    options.stride = count(name, value);
  } else if (name == "fill") {
    options.fill = flag(name, value);
  } else if (name == "seconds") {
    options.seconds = seconds(name, value);
  } else {
    throw std::invalid_argument("--" + std::string(name) + ": no such option");
  }
}

}  // namespace

Options parse_options(int argc, const char* const* argv) {
  Options options;
  for (int i = 1; i < argc; i += 2) {
    std::string_view name = argv[i];
    if (!name.starts_with("--"))
      throw std::invalid_argument(std::string(name) + ": options begin with --");
    if (i + 1 == argc) throw std::invalid_argument(std::string(name) + ": needs a value");
    take(options, name.substr(2), argv[i + 1]);
  }
  if (options.address.empty()) throw std::invalid_argument("--address: is needed");
  return options;
}

const char* usage() {
  return "usage: bench_load --address 127.0.0.1:PORT|unix:PATH [--command get|set] [--size 32]\n"
         "         [--pipeline 1] [--connections 50] [--keys 1000] [--seconds S]\n"
         "         [--stride 1] [--fill yes|no]\n"
         "With --seconds it runs one slice and leaves. Without, it opens its connections, prints\n"
         "{\"ready\": true} and runs a slice for every line `run SECONDS [CONNECTIONS]` on stdin, "
         "or\n"
         "asks for every key once at the line `once`. `--fill no` spares the SET of every key "
         "before GET.\n"
         "Each slice is answered by one line of JSON.\n";
}

}  // namespace bench_load
