#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <tuple>
#include <vector>

#include "policies/local_cache.hpp"

using namespace pannier::policies;
using namespace std::chrono_literals;

namespace {

struct Modelled {
  std::string reply;
  std::uint32_t stamp;
  TimePoint deadline;
};

/// What the cache may answer: everything that was stored and not dropped. It forgets nothing, so
/// the cache may know less; with room for all it must know the same. Without, a reply may outlive
/// one that would have shortened its life.
class Model {
 public:
  explicit Model(bool all_fit) : all_fit_(all_fit) {}

  using Key = std::pair<std::uint32_t, std::string>;

  void store(const Key& key, const std::string& question, const Modelled& copy, TimePoint now) {
    auto& replies = entries_[key];
    std::erase_if(
        replies, [&](const auto& one) { return one.first == question || !valid(one.second, now); });
    if (!all_fit_) {
      replies[question] = copy;
      return;
    }
    Modelled shared = copy;
    for (const auto& [asked, other] : replies) {
      shared.stamp = std::min(shared.stamp, other.stamp);
      shared.deadline = std::min(shared.deadline, other.deadline);
    }
    replies[question] = shared;
    for (auto& [asked, other] : replies) {
      other.stamp = shared.stamp;
      other.deadline = shared.deadline;
    }
  }
  const Modelled* find(const Key& key, const std::string& question, TimePoint now) const {
    const auto entry = entries_.find(key);
    if (entry == entries_.end()) return nullptr;
    const auto copy = entry->second.find(question);
    return copy != entry->second.end() && valid(copy->second, now) ? &copy->second : nullptr;
  }
  void erase(const Key& key) { entries_.erase(key); }
  void erase_everywhere(const std::string& key) {
    std::erase_if(entries_, [&](const auto& entry) { return entry.first.second == key; });
  }
  void outdate(std::uint32_t stamp) { smallest_stamp_ = std::max(smallest_stamp_, stamp); }
  void clear() { entries_.clear(); }

 private:
  bool valid(const Modelled& copy, TimePoint now) const {
    return copy.stamp >= smallest_stamp_ && copy.deadline > now;
  }

  bool all_fit_;
  std::map<Key, std::map<std::string, Modelled>> entries_;
  std::uint32_t smallest_stamp_ = 0;
};

/// Random calls to both. \returns how many copies were found.
int play(unsigned seed, std::size_t max_bytes, bool all_fit) {
  CAPTURE(seed);
  std::mt19937 random(seed);
  LocalCache cache(max_bytes);
  const std::size_t empty = cache.bytes();
  Model model(all_fit);
  const TimePoint start{1s};
  constexpr auto step = microseconds(1 << 14);
  TimePoint now = start;
  std::uint32_t stamp = 1;
  int found = 0;
  const auto below = [&](unsigned most) { return static_cast<std::uint32_t>(random() % most); };
  for (int i = 0; i < 20'000; ++i) {
    const Model::Key key{below(3), "key" + std::to_string(below(500))};
    const std::string question = below(3) == 0 ? "Q" + std::to_string(below(3)) : "";
    const std::uint32_t action = below(1'000);
    if (action < 400) {
      // Multiples of the step, so that model and cache round alike.
      const TimePoint rounded = start + (now - start) / step * step;
      const Modelled copy{std::string(below(below(20) == 0 ? 2'000 : 100), "abcdefg"[i % 7]), stamp,
                          rounded + step * (below(500))};
      const bool kept =
          cache.store(key.first, key.second, question, copy.reply, copy.stamp, copy.deadline, now);
      if (all_fit) REQUIRE(kept == (copy.deadline > now));
      if (copy.deadline > now) model.store(key, question, copy, now);
    } else if (action < 950) {
      const auto copy = cache.find(key.first, key.second, question, now);
      const Modelled* const expected = model.find(key, question, now);
      if (all_fit) REQUIRE(copy.has_value() == (expected != nullptr));
      if (copy) {
        ++found;
        REQUIRE(expected != nullptr);
        REQUIRE(copy->reply == expected->reply);
        if (all_fit) REQUIRE(copy->stamp == expected->stamp);
      }
    } else if (action < 970) {
      cache.erase(key.first, key.second);
      model.erase(key);
    } else if (action < 975) {
      cache.erase_everywhere(key.second);
      model.erase_everywhere(key.second);
    } else if (action < 990) {
      cache.sweep(now, below(50));
    } else if (action < 998) {
      now += milliseconds(below(1'000));
    } else if (below(4) == 0) {
      cache.outdate(++stamp);
      model.outdate(stamp);
    } else if (below(20) == 0) {
      cache.clear();
      model.clear();
      REQUIRE(cache.bytes() == empty);
    } else if (!all_fit) {
      max_bytes = below(100'000);
      cache.resize(max_bytes);
    }
    REQUIRE(cache.bytes() <= std::max(max_bytes, empty));
  }
  cache.clear();
  CHECK(cache.bytes() == empty);
  return found;
}

}  // namespace

TEST_CASE("With room for all, a cache answers what a map would, whatever is done to it") {
  for (unsigned seed = 1; seed <= 10; ++seed) CHECK(play(seed, 16 << 20, true) > 500);
}

TEST_CASE("With little room, what a cache answers is right, and the bound is kept") {
  for (unsigned seed = 1; seed <= 20; ++seed) CHECK(play(seed, 30'000, false) > 100);
}
