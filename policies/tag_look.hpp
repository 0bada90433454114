#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "policies/tagged_check.hpp"

namespace pannier::policies {

/// Part of a purge, for a key whose tags stand in its value: looks whether what is there now has
/// the tag at all. Only then it is removed, if it is old enough; else the key leaves the tag's
/// list.
class TagLook final : public Exchange {
 public:
  struct Asked {
    std::string tag;
    std::int64_t listed;  ///< The expiry that the tag's list has for the key.
    std::int64_t latest;  ///< The latest expiry of a value that began before the invalidation.
    /// Told at the end whether the key stays in the list; not where upstream is lost.
    std::function<void(bool stays, Core& core)> done;
  };
  static void start(const SubjectRef& subject, Link link, Asked asked, Core& core);

  TagLook(const SubjectRef& subject, Link link, Asked asked)
      : check_(subject, link), link_(link), asked_(std::move(asked)) {}

  void settle(std::size_t part, std::string_view reply, Core& core) override;
  void fail(std::string_view, Core&) override {}

 private:
  TaggedCheck check_;
  Link link_;
  Asked asked_;
};

}  // namespace pannier::policies
