#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

/// Sequences of keys as they are asked for, the same in every run.
namespace workloads {

using Keys = std::vector<std::uint64_t>;

class Chance {
 public:
  explicit Chance(unsigned seed) : random_(seed) {}
  /// In [0, 1); without the library's distributions, which differ between libraries.
  double share() { return static_cast<double>(random_()) / 4294967296.0; }
  std::uint64_t below(std::uint64_t most) { return random_() % most; }
  /// About the popularity of web objects: the k-th most popular is asked for in proportion to 1/k.
  std::uint64_t popular(std::uint64_t keys) {
    return static_cast<std::uint64_t>(std::pow(static_cast<double>(keys), share())) - 1;
  }

 private:
  std::mt19937 random_;
};

inline Keys zipf(std::size_t requests, std::uint64_t keys) {
  Chance chance(1);
  Keys all(requests);
  for (auto& key : all) key = chance.popular(keys);
  return all;
}

/// Everything in turn, again and again.
inline Keys loop(std::size_t requests, std::uint64_t keys) {
  Keys all(requests);
  for (std::size_t i = 0; i < requests; ++i) all[i] = i % keys;
  return all;
}

/// Popular keys, with a third of what nobody asks for again.
inline Keys scan(std::size_t requests, std::uint64_t keys) {
  Chance chance(2);
  Keys all(requests);
  for (std::size_t i = 0; i < requests; ++i) {
    all[i] = i % 3 == 0 ? keys + i : chance.popular(keys);
  }
  return all;
}

/// What is asked for is wholly replaced again and again.
inline Keys shift(std::size_t requests, std::uint64_t keys, std::size_t phase) {
  Chance chance(3);
  Keys all(requests);
  for (std::size_t i = 0; i < requests; ++i) all[i] = i / phase * keys + chance.below(keys);
  return all;
}

/// What is asked for moves along slowly: the older, the rarer.
inline Keys drift(std::size_t requests, std::uint64_t width) {
  Chance chance(4);
  Keys all(requests);
  for (std::size_t i = 0; i < requests; ++i) {
    all[i] = i / 10 + static_cast<std::uint64_t>(static_cast<double>(width) * chance.share() *
                                                 chance.share());
  }
  return all;
}

/// The more recently used, the sooner used again: what LRU was made for.
inline Keys stack(std::size_t requests) {
  Chance chance(5);
  Keys all, recent;
  while (all.size() < requests) {
    const auto back = static_cast<std::size_t>(std::pow(1 - chance.share(), -1.4));
    if (back > recent.size() || chance.below(20) == 0) {
      recent.push_back(all.size());
    } else {
      const auto place = recent.end() - static_cast<std::ptrdiff_t>(back);
      const std::uint64_t key = *place;
      recent.erase(place);
      recent.push_back(key);
    }
    if (recent.size() > 4'000) recent.erase(recent.begin(), recent.begin() + 1'000);
    all.push_back(recent.back());
  }
  return all;
}

}  // namespace workloads
