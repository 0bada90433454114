#pragma once

#include <string>

#include "policies/tagged_check.hpp"

namespace pannier::policies {

/// Part of a purge, for a key whose tags stand in its value: looks whether what is there now has
/// the tag at all. Only then it is removed, if it is old enough; else the key leaves the tag's
/// list.
class TagLook final : public Exchange {
 public:
  /// \param listed the expiry that the tag's list has for the key.
  /// \param latest the latest expiry of a value that began before the invalidation.
  static void start(const SubjectRef& subject, Link link, const std::string& tag,
                    std::int64_t listed, std::int64_t latest, Core& core);

  TagLook(const SubjectRef& subject, Link link, std::string tag, std::int64_t listed,
          std::int64_t latest)
      : check_(subject, link),
        link_(link),
        tag_(std::move(tag)),
        listed_(listed),
        latest_(latest) {}

  void settle(std::size_t part, std::string_view reply, Core& core) override;
  void fail(std::string_view, Core&) override {}

 private:
  TaggedCheck check_;
  Link link_;
  std::string tag_;
  std::int64_t listed_, latest_;
};

}  // namespace pannier::policies
