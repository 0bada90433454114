#pragma once

#include <string_view>
#include <vector>

#include "policies/core.hpp"

namespace pannier::policies {

/// DEL or UNLINK of keys whose rules keep removals: where it cannot reach upstream it is journaled,
/// and answered as if all of the keys had been there.
class Removal final : public Exchange {
 public:
  Removal(Link link, Ticket ticket, std::vector<SubjectRef> subjects,
          std::vector<WriteUnderWay> writes)
      : link_(link), ticket_(ticket), subjects_(std::move(subjects)), writes_(std::move(writes)) {}

  /// Whether the removal of these keys must not be lost: the values of all of them are served while
  /// upstream is away, or stay there unseen meanwhile.
  static bool keeps(const std::vector<SubjectRef>& subjects);

  /// It is about to be. What the memory store does in upstream's place is to be done there later.
  void sent(Core& core) const;

  void settle(std::size_t part, std::string_view reply, Core& core) override;
  void fail(std::string_view error, Core& core) override;

 private:
  Link link_;
  Ticket ticket_;
  std::vector<SubjectRef> subjects_;
  std::vector<WriteUnderWay> writes_;
  bool answered_ = false;
};

}  // namespace pannier::policies
