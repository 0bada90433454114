#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace pannier::policies {

/// Which keys are read most, as far as a bounded table can tell: when it is full all counts are
/// halved and those of nothing make room, so what was hot long ago is forgotten.
class HotKeys {
 public:
  static constexpr std::size_t capacity = 4'096;

  void note(std::string_view key);
  /// It is not worth it: there is no value.
  void forget(std::string_view key);
  /// The keys read most, the first first.
  std::vector<std::string> top(std::size_t most) const;
  void clear() { counts_.clear(); }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>()(text);
    }
  };
  std::unordered_map<std::string, std::uint64_t, Hash, std::equal_to<>> counts_;
};

}  // namespace pannier::policies
