#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

#include "tools/bench_readers/crowd.hpp"
#include "tools/bench_readers/watch.hpp"

namespace {

using namespace bench_readers;

constexpr const char* usage =
    "usage: bench_readers cold|killed|hot|watch --OPTION VALUE ...\n"
    "cold    --readers N readers ask for a key at once; who gets nil loads for --load ms and SETs\n"
    "killed  the same, but the first to load is gone half way\n"
    "hot     --rate readers a second for --seconds, of a value that is there and lives --ttl ms\n"
    "watch   --rounds writes of the key to the first address, read from the second without pause\n"
    "Also: --addresses A,B,... (127.0.0.1:PORT or unix:PATH) --connections N --key K\n"
    "Prints one line of JSON.\n";

class Options {
 public:
  Options(int argc, char** argv) {
    for (int i = 2; i + 1 < argc; i += 2) values_[argv[i]] = argv[i + 1];
  }
  std::string text(const char* name, const char* otherwise = nullptr) const {
    const auto at = values_.find(name);
    if (at != values_.end()) return at->second;
    if (otherwise == nullptr) throw std::invalid_argument(std::string(name) + " is needed");
    return otherwise;
  }
  std::size_t number(const char* name, const char* otherwise = nullptr) const {
    const auto value = std::stol(text(name, otherwise));
    if (value < 1) throw std::invalid_argument(std::string(name) + " must be at least 1");
    return static_cast<std::size_t>(value);
  }

 private:
  std::map<std::string, std::string> values_;
};

Crowd::Settings settings_of(const Options& options) {
  Crowd::Settings settings;
  std::istringstream list(options.text("--addresses"));
  for (std::string one; std::getline(list, one, ',');) settings.addresses.push_back(one);
  settings.connections = options.number("--connections", "1");
  settings.key = options.text("--key");
  settings.load = milliseconds(options.number("--load", "100"));
  settings.ttl = milliseconds(options.number("--ttl", "60000"));
  return settings;
}

void print(const char* name, std::vector<double>& values) {
  std::printf("\"%s\": {\"count\": %zu, \"p50\": %.3f, \"p99\": %.3f, \"max\": %.3f}, ", name,
              values.size(), percentile(values, .50), percentile(values, .99),
              percentile(values, 1));
}

void print(Crowd& crowd) {
  std::printf("{");
  print("waits_ms", crowd.waits_ms);
  print("reads_ms", crowd.reads_ms);
  print("loads_ms", crowd.loads_ms);
  std::printf("\"readers\": %zu, \"loads\": %zu, \"cycles\": %zu}\n", crowd.readers, crowd.loads,
              crowd.cycles);
}

void cold(const Options& options) {
  Crowd crowd(settings_of(options));
  for (auto left = options.number("--readers"); left > 0; --left) crowd.ask();
  crowd.run_until({}, [&] { return crowd.idle(); });
  print(crowd);
}

/// The waits are those from when the one who loads is gone.
void killed(const Options& options) {
  const auto settings = settings_of(options);
  Crowd crowd(settings);
  Wire holder(settings.addresses.front());
  if (!holder.call({"GET", settings.key}).null) throw std::runtime_error("the key is not cold");
  const auto gone = Clock::now() + settings.load / 2;
  for (auto left = options.number("--readers"); left > 1; --left) crowd.ask();
  crowd.run_until(gone, [] { return true; });
  const double before =
      std::chrono::duration<double, std::milli>(Clock::now() - (gone - settings.load / 2)).count();
  holder.abort();
  crowd.run_until({}, [&] { return crowd.idle(); });
  for (auto& wait : crowd.waits_ms) wait -= before;
  ++crowd.readers;
  ++crowd.loads;
  print(crowd);
}

void hot(const Options& options) {
  Crowd crowd(settings_of(options));
  crowd.seed();
  const auto begin = Clock::now();
  const auto end = begin + std::chrono::seconds(options.number("--seconds"));
  const auto pause = Clock::duration(std::chrono::seconds(1)) / options.number("--rate");
  for (auto next = begin; next < end; next += pause) {
    crowd.run_until(next, [] { return true; });
    crowd.ask();
  }
  crowd.run_until({}, [&] { return crowd.idle(); });
  print(crowd);
}

void watch_all(const Options& options) {
  const auto addresses = settings_of(options).addresses;
  if (addresses.size() != 2) throw std::invalid_argument("--addresses: expected two");
  auto found = watch(addresses[0], addresses[1], options.text("--key"), options.number("--rounds"));
  std::printf("{");
  print("ping_us", found.ping_us);
  print("old_us", found.old_us);
  print("fresh_us", found.fresh_us);
  std::printf("\"reads\": %zu}\n", found.reads);
}

}  // namespace

int main(int argc, char** argv) {
  const std::map<std::string_view, void (*)(const Options&)> verbs = {
      {"cold", cold}, {"killed", killed}, {"hot", hot}, {"watch", watch_all}};
  const auto verb = argc > 1 ? verbs.find(argv[1]) : verbs.end();
  if (verb == verbs.end() || argc % 2 != 0) {
    std::fputs(usage, stderr);
    return 2;
  }
  try {
    verb->second(Options(argc, argv));
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_readers: %s\n", error.what());
    return 1;
  }
}
