#include "tools/bench_evict/memory.hpp"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>

#include "policies/local_cache.hpp"

namespace bench_evict {
namespace {

using pannier::policies::LocalCache;
using pannier::policies::TimePoint;

constexpr TimePoint now{};
constexpr std::size_t key_size = 16, value_size = 64;

/// A one-to-one function without any pattern (the finalizer of MurmurHash3).
std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ x >> 33) * 0xff51'afd7'ed55'8ccd;
  x = (x ^ x >> 33) * 0xc4ce'b9fe'1a85'ec53;
  return x ^ x >> 33;
}

/// The key of that number: 16 hexadecimal digits.
class KeyText {
 public:
  explicit KeyText(std::uint64_t number) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::uint64_t bits = mixed(number);
    for (char& c : text_) {
      c = digits[bits & 15];
      bits >>= 4;
    }
  }
  std::string_view view() const { return {text_.data(), text_.size()}; }

 private:
  std::array<char, key_size> text_;
};

std::size_t resident() {
  std::size_t total = 0, pages = 0;
  std::ifstream("/proc/self/statm") >> total >> pages;
  return pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

/// Of this thread, so that it does not matter what else runs on the machine.
std::int64_t cpu_ns() {
  timespec spent{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return spent.tv_sec * 1'000'000'000 + spent.tv_nsec;
}

bool store(LocalCache& cache, std::uint64_t number, std::string_view value) {
  return cache.store(0, KeyText(number).view(), {}, value, 1, TimePoint::max(), now);
}

}  // namespace

Filled fill(std::size_t budget, std::size_t keys, std::size_t largest) {
  const std::string bytes(std::max(largest, value_size), 'v');
  const auto value = [&](std::uint64_t number) {
    const std::size_t size = largest == 0 ? value_size : mixed(~number) % largest;
    return std::string_view(bytes).substr(0, size);
  };
  Filled filled;
  LocalCache cache(budget);
  const std::size_t before = resident();
  std::int64_t longest = 0, last = cpu_ns();
  for (std::uint64_t i = 0; i < keys; ++i) {
    store(cache, i, value(i));
    const std::int64_t done = cpu_ns();
    longest = std::max(longest, done - last);
    last = done;
  }
  filled.longest_us = static_cast<double>(longest) / 1000;
  filled.resident = resident() - before;
  filled.counted = cache.bytes();
  filled.entries = cache.size();
  for (std::uint64_t i = 0; i < keys; ++i) {
    const auto copy = cache.find(0, KeyText(i).view(), {}, now);
    if (copy) filled.payload += key_size + copy->reply.size();
  }
  return filled;
}

double find_ns(std::size_t entries, std::size_t finds) {
  LocalCache cache(std::size_t{1} << 40);
  const std::string value(value_size, 'v');
  for (std::uint64_t i = 0; i < entries; ++i) store(cache, i, value);
  cache.resize(cache.bytes());
  const auto pass = [&](std::uint64_t salt, bool look) {
    std::size_t found = 0;
    const std::int64_t start = cpu_ns();
    for (std::uint64_t i = 0; i < finds; ++i) {
      const KeyText key(mixed(i + salt) % entries);
      found += look ? cache.find(0, key.view(), {}, now).has_value() : key.view().size() / key_size;
    }
    const double spent = static_cast<double>(cpu_ns() - start);
    return found == finds ? spent / static_cast<double>(finds) : -1;
  };
  pass(0, true);
  return pass(finds, true) - pass(finds, false);  // Without what making a key takes.
}

}  // namespace bench_evict
