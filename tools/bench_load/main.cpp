#include <algorithm>
#include <cstdio>
#include <exception>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "tools/bench_load/load.hpp"
#include "tools/bench_load/options.hpp"

namespace {

/// Error texts come from a peer: what would need an escape becomes a question mark.
std::string quoted(std::string text) {
  for (char& c : text)
    if (c < ' ' || c > '~' || c == '"' || c == '\\') c = '?';
  return '"' + text + '"';
}

void print(const bench_load::Slice& slice) {
  std::printf(
      "{\"requests\": %llu, \"seconds\": %.6f, \"p50_us\": %.1f, \"p99_us\": %.1f, "
      "\"errors\": %llu, \"first_error\": %s}\n",
      static_cast<unsigned long long>(slice.requests), slice.seconds,
      static_cast<double>(slice.p50_ns) / 1000, static_cast<double>(slice.p99_ns) / 1000,
      static_cast<unsigned long long>(slice.errors), quoted(slice.first_error).c_str());
  std::fflush(stdout);
}

/// A GET of a key that is not there would measure something else.
void fill(bench_load::Options options) {
  options.command = bench_load::Command::set;
  options.connections = 1;
  options.pipeline = std::max<std::size_t>(options.pipeline, 64);
  options.stride = 1;
  const auto slice = bench_load::Load(options).run_once_over_keys();
  if (slice.errors > 0) throw std::runtime_error("filling the keys: " + slice.first_error);
}

void run_slices(bench_load::Load& load, const bench_load::Options& options) {
  std::puts("{\"ready\": true}");
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    if (line == "once") {
      print(load.run_once_over_keys());
      continue;
    }
    std::istringstream words(line);
    std::string verb;
    double seconds = 0;
    auto connections = options.connections;
    if (!(words >> verb >> seconds) || verb != "run" || !(seconds > 0))
      throw std::runtime_error(line + ": expected `run SECONDS [CONNECTIONS]` or `once`");
    words >> connections;
    print(load.run(seconds, words ? connections : options.connections));
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "--help") {
    std::fputs(bench_load::usage(), stdout);
    return 0;
  }
  try {
    const auto options = bench_load::parse_options(argc, argv);
    if (options.command == bench_load::Command::get && options.fill) fill(options);
    bench_load::Load load(options);
    if (options.seconds) {
      print(load.run(*options.seconds, options.connections));
    } else {
      run_slices(load, options);
    }
    return 0;
  } catch (const std::invalid_argument& error) {
    std::fprintf(stderr, "bench_load: %s\n%s", error.what(), bench_load::usage());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_load: %s\n", error.what());
    return 1;
  }
}
