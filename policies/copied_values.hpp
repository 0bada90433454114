#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace pannier::policies {

/// What local copies say of the keys of an MGET.
struct CopiedValues {
  std::string replies;             ///< One behind the other.
  std::vector<std::size_t> begin;  ///< Of each key's, which is empty where it must be asked.
  std::size_t found = 0;

  void clear() {
    replies.clear();
    begin.clear();
    found = 0;
  }
  std::string_view of(std::size_t key) const {
    const auto end = key + 1 < begin.size() ? begin[key + 1] : replies.size();
    return std::string_view(replies).substr(begin[key], end - begin[key]);
  }
};

}  // namespace pannier::policies
