#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "policies/found_tags.hpp"
#include "policies/validity.hpp"

namespace pannier::policies {

/// A ValidityCheck for commands that do not read the value: where its rule does not tell all tags
/// of the key, it looks at the value and at the record of its run-time tags as well,
///
///     [GETRANGE key 0 1048576]  [CLIENT CACHING YES, GET pn:k:<key>]
///
/// and asks for the generations of what it finds in a second conversation, if they are not known;
/// as the check does by itself where a tag was invalidated meanwhile.
class TaggedCheck {
 public:
  TaggedCheck(const SubjectRef& subject, Link link)
      : check_(by_rule(subject), link), finds_(subject->rule->finds_tags()) {}

  std::uint32_t ask(std::string& wire, Core& core, ValidityCheck::Ask what = {});
  void settle(std::size_t part, std::string_view reply, Core& core);
  std::uint32_t parts() const { return parts_; }

  /// When all replies are here. \returns whether it can be judged; else ask_generations() first.
  bool complete(const Core& core);
  std::uint32_t ask_generations(std::string& wire, Core& core);

  ValidityCheck& check() { return check_; }
  const ValidityCheck& check() const { return check_; }

 private:
  ValidityCheck check_;
  bool finds_;
  std::uint32_t parts_ = 0, value_parts_ = 0, record_parts_ = 0;
  FoundTags found_;
};

}  // namespace pannier::policies
