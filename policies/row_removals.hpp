#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "policies/time.hpp"

namespace pannier::policies {

class Core;
struct Subject;

/// Rows of second tiers that may be there and should not: of writes whose end nobody knows, or that
/// upstream refused. Each is removed until that has succeeded; and where its write may be slower
/// than that, a second later once more. Meanwhile this sidecar does not read it. Bounded: where
/// there are too many a row stays, until it is written again or too old. Lost with the process.
class RowRemovals {
 public:
  static constexpr std::size_t capacity = 10'000;

  struct Why {
    bool unlinks = false;       ///< Others may have found it: the key is then removed, too.
    bool may_come_yet = false;  ///< Nobody knows whether its write is over.
  };
  void add(Core& core, const std::shared_ptr<const Subject>& subject, Why why);
  /// The row was written anew, and belongs there.
  void written(const std::string& table_key);
  bool holds(const std::string& table_key) const {
    return !open_.empty() && open_.contains(table_key);
  }
  void tick(Core& core);

 private:
  struct Removal {
    std::shared_ptr<const Subject> subject;
    TimePoint next{}, until{};  ///< After that the row is too old for anybody.
    int times = 0;              ///< That are left.
    std::uint64_t run = 0;      ///< The statement under way, if any; others are of earlier ones.
    Why why;
  };
  void run(const std::string& key, Removal& removal, Core& core);
  void ended(const std::string& key, std::uint64_t run, bool succeeded, Core& core);
  void unlink(const std::string& key, const Subject& subject, Core& core) const;

  std::map<std::string, Removal> open_;
  std::uint64_t runs_ = 0;
};

}  // namespace pannier::policies
