#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
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
    return at == seen_.end() ? 0 : at->version;
  }
  bool saw(std::uint32_t name, std::uint64_t version) const {
    const auto at = find(name);
    return at == seen_.end() ? seen_.size() == capacity : at->version >= version;
  }
  void note(std::uint32_t name, std::uint64_t version) {
    const auto at = entry(name);
    if (at != seen_.end()) at->version = std::max(at->version, version);
  }

  /// That request is answered with an older version than others may be that were asked before it
  /// and are not answered yet.
  void fell_back(std::uint32_t name, std::uint64_t version, std::uint64_t request) {
    const auto at = entry(name);
    if (at == seen_.end()) return;
    at->version = std::max(at->version, version);
    const bool is_first = at->fallback == 0 || request > at->request + most_open;
    at->fallback = is_first ? version : std::min(at->fallback, version);
    at->request = is_first ? request : std::max(at->request, request);
  }
  /// Whether that version would come before an older one: as the answer to that request it must not
  /// be given any more.
  bool is_too_new(std::uint32_t name, std::uint64_t version, std::uint64_t request) const {
    const auto at = find(name);
    return at != seen_.end() && at->fallback > 0 && version > at->fallback && request < at->request;
  }

 private:
  /// More requests of one client are never open at once.
  static constexpr std::uint64_t most_open = 1u << 20;

  struct Seen {
    std::uint32_t name;
    std::uint64_t version = 0;
    std::uint64_t fallback = 0, request = 0;  ///< The older one it was given, and until when.
  };
  std::vector<Seen>::const_iterator find(std::uint32_t name) const {
    return std::find_if(seen_.begin(), seen_.end(),
                        [name](const Seen& one) { return one.name == name; });
  }
  std::vector<Seen>::iterator entry(std::uint32_t name) {
    const auto at = std::find_if(seen_.begin(), seen_.end(),
                                 [name](const Seen& one) { return one.name == name; });
    if (at != seen_.end() || seen_.size() == capacity) return at;
    return seen_.insert(seen_.end(), Seen{name, 0, 0, 0});
  }
  std::vector<Seen> seen_;
};

}  // namespace pannier::policies
