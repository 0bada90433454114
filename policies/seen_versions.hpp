#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace pannier::policies {

/// The newest version that a connection was served or has written, by the number of the version's
/// name: it is never served an older one again. Bounded; of a name for which there is no room it is
/// believed to have seen everything.
class SeenVersions {
 public:
  static constexpr std::size_t capacity = 64;

  /// 0 when it has seen none.
  std::uint64_t newest(std::uint32_t name) const {
    const auto at = find(name);
    return at == seen_.end() ? 0 : at->second;
  }
  bool saw(std::uint32_t name, std::uint64_t version) const {
    const auto at = find(name);
    return at == seen_.end() ? seen_.size() == capacity : at->second >= version;
  }
  void note(std::uint32_t name, std::uint64_t version) {
    const auto at = std::find_if(seen_.begin(), seen_.end(),
                                 [name](const auto& one) { return one.first == name; });
    if (at != seen_.end()) {
      at->second = std::max(at->second, version);
    } else if (seen_.size() < capacity) {
      seen_.emplace_back(name, version);
    }
  }

  /// A request was answered with an older version than others may be that were asked before it and
  /// are not answered yet.
  void fell_back(std::uint32_t name, std::uint64_t version, std::uint64_t request) {
    last_fallback_ = {name, version, request};
  }
  /// Whether that version would come before an older one: as the answer to that request it must not
  /// be given any more.
  bool is_too_new(std::uint32_t name, std::uint64_t version, std::uint64_t request) const {
    return last_fallback_.name == name && version > last_fallback_.version &&
           request < last_fallback_.request;
  }

 private:
  struct Fallback {
    std::uint32_t name = 0;
    std::uint64_t version = 0, request = 0;
  };
  Fallback last_fallback_;
  using Seen = std::vector<std::pair<std::uint32_t, std::uint64_t>>;
  Seen::const_iterator find(std::uint32_t name) const {
    return std::find_if(seen_.begin(), seen_.end(),
                        [name](const auto& one) { return one.first == name; });
  }
  Seen seen_;
};

}  // namespace pannier::policies
