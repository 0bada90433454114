#include <algorithm>
#include <cstdio>
#include <exception>
#include <iostream>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include "tools/bench_evict/memory.hpp"
#include "tools/bench_evict/misses.hpp"
#include "tools/bench_evict/trace.hpp"

namespace {

constexpr const char* usage = R"(bench_evict: what pannier's local cache misses, takes and costs

  bench_evict misses SHARE...      of the trace on standard input (t_ms,op,key,size,ttl_s,tag), in
                                   caches with room for that share of its keys, and of its bytes
  bench_evict fill BUDGET KEYS [LARGEST]   stores KEYS keys of 16 bytes with values of 64, or of
                                   up to LARGEST bytes, in a cache of BUDGET bytes
  bench_evict grow ENTRIES         the slowest store while a cache grows to that many entries
  bench_evict find FINDS ENTRIES...        finds that many keys in caches of these sizes

Each prints lines of JSON.
)";

void print_misses(std::span<char*> shares) {
  const auto trace = bench_evict::read_trace(std::cin);
  if (trace.requests.empty()) throw std::runtime_error("the trace has no requests");
  const std::size_t footprint = trace.has_sizes() ? bench_evict::footprint(trace) : 0;
  for (const std::string_view text : shares) {
    const double share = std::stod(std::string(text));
    const auto part = [&](std::size_t whole) {
      return std::max<std::size_t>(1, static_cast<std::size_t>(share * static_cast<double>(whole)));
    };
    const std::size_t capacity = part(trace.keys()), budget = part(footprint);
    std::printf("{\"requests\": %zu, \"keys\": %zu, \"share\": %g, \"capacity\": %zu, ",
                trace.requests.size(), trace.keys(), share, capacity);
    std::printf("\"lru\": %.6f, \"ours\": %.6f, \"best\": %.6f",
                bench_evict::lru_misses(trace, capacity), bench_evict::our_misses(trace, capacity),
                bench_evict::best_misses(trace, capacity));
    if (footprint != 0) {
      std::printf(", \"budget\": %zu, \"lru_in_bytes\": %.6f, \"ours_in_bytes\": %.6f", budget,
                  bench_evict::lru_misses_in_bytes(trace, budget),
                  bench_evict::our_misses_in_bytes(trace, budget));
    }
    std::puts("}");
  }
}

void print_filled(std::span<char*> words) {
  const auto number = [&](std::size_t i) { return std::stoull(words[i]); };
  const auto filled = bench_evict::fill(number(0), number(1), words.size() > 2 ? number(2) : 0);
  std::printf("{\"entries\": %zu, \"counted\": %zu, \"resident\": %zu, \"payload\": %zu}\n",
              filled.entries, filled.counted, filled.resident, filled.payload);
}

void print_finds(std::span<char*> words) {
  for (const std::string_view entries : words.subspan(1)) {
    const double ns =
        bench_evict::find_ns(std::stoull(std::string(entries)), std::stoull(words[0]));
    std::printf("{\"entries\": %s, \"ns\": %.1f}\n", entries.data(), ns);
    std::fflush(stdout);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::span<char*> words(argv + std::min(argc, 2), argv + argc);
  const std::string_view verb = argc > 1 ? argv[1] : "";
  try {
    if (verb == "misses" && !words.empty()) {
      print_misses(words);
    } else if (verb == "fill" && words.size() >= 2) {
      print_filled(words);
    } else if (verb == "grow" && words.size() == 1) {
      std::printf("{\"longest_us\": %.1f}\n", bench_evict::longest_step_us(std::stoull(words[0])));
    } else if (verb == "find" && words.size() >= 2) {
      print_finds(words);
    } else {
      std::fputs(usage, verb == "--help" ? stdout : stderr);
      return verb == "--help" ? 0 : 2;
    }
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_evict: %s\n", error.what());
    return 1;
  }
}
