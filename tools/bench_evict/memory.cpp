#include "tools/bench_evict/memory.hpp"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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

std::size_t value_of(std::uint64_t number, std::size_t largest) {
  return largest == 0 ? value_size : mixed(~number) % largest;
}

std::string reply(std::size_t value) {
  return '$' + std::to_string(value) + "\r\n" + std::string(value, 'v') + "\r\n";
}

bool store(LocalCache& cache, std::uint64_t number, std::string_view value) {
  return cache.store(0, KeyText(number).view(), {}, value, 1, TimePoint::max(), now);
}

}  // namespace

Filled fill(std::size_t budget, std::size_t keys, std::size_t largest) {
  Filled filled;
  LocalCache cache(budget);
  const std::size_t before = resident();
  for (std::uint64_t i = 0; i < keys; ++i) store(cache, i, reply(value_of(i, largest)));
  filled.resident = resident() - before;
  filled.counted = cache.bytes();
  filled.entries = cache.size();
  for (std::uint64_t i = 0; i < keys; ++i) {
    if (cache.find(0, KeyText(i).view(), {}, now))
      filled.payload += key_size + value_of(i, largest);
  }
  return filled;
}

double longest_step_us(std::size_t entries) {
  constexpr std::size_t block = 256;
  std::vector<std::int64_t> slowest(entries / block + 1, std::numeric_limits<std::int64_t>::max());
  const std::string text = reply(value_size);
  for (int run = 0; run < 3; ++run) {
    LocalCache cache(std::size_t{1} << 40);
    for (std::uint64_t i = 0; i < entries; i += block) {
      std::int64_t longest = 0, last = cpu_ns();
      for (std::uint64_t j = i; j < i + block; ++j) {
        store(cache, j, text);
        const std::int64_t done = cpu_ns();
        longest = std::max(longest, done - std::exchange(last, done));
      }
      slowest[i / block] = std::min(slowest[i / block], longest);
    }
  }
  slowest.pop_back();
  return static_cast<double>(*std::max_element(slowest.begin(), slowest.end())) / 1000;
}

double find_ns(std::size_t entries, std::size_t finds) {
  LocalCache cache(std::size_t{1} << 40);
  const std::string value = reply(value_size);
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
