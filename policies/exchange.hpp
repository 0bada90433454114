#pragma once

#include <cstddef>
#include <string_view>

namespace pannier::policies {

class Core;

/// One conversation of the pipeline with upstream: some commands in one write on one link, and what
/// is made of their replies. Lives from Core::send until its last reply or its failure.
class Exchange {
 public:
  virtual ~Exchange() = default;

  /// Reply number `part`, from 0; every one of them comes, in order, unless fail() does.
  /// `reply` is one whole reply in the link's protocol, valid during this call.
  virtual void settle(std::size_t part, std::string_view reply, Core& core) = 0;

  /// No further reply will come. `error` is a whole error reply (`-ERR pannier: ...`).
  virtual void fail(std::string_view error, Core& core) = 0;
};

/// Something that is only to be done: nothing depends on what upstream says to it.
class Unheeded final : public Exchange {
 public:
  void settle(std::size_t, std::string_view, Core&) override {}
  void fail(std::string_view, Core&) override {}
};

}  // namespace pannier::policies
