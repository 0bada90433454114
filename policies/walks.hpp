#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "policies/time.hpp"

namespace pannier::policies {

class Core;

/// How far the purge of an invalidated tag has come.
struct PurgeProgress {
  std::uint32_t db = 0;
  std::string tag;
  ServerTime generation{};
  std::uint64_t removed = 0;
  TimePoint began{};
  std::optional<TimePoint> ended;
  bool waits = false;  ///< For upstream.
  std::string error;   ///< Upstream's words, if it refused.
};

/// Work in the background that goes through many keys upstream, step by step, each sent when the
/// one before was answered: sweeps and purges.
///
/// A step is small, so that Redis holds nobody up for longer than a usual command would, and all
/// walks together take only so many steps a tick: what they have to remove is invalid already, and
/// nobody waits for it but the memory it takes.
class Walks {
 public:
  static constexpr std::size_t steps_a_tick = 20;

  class Step {
   public:
    virtual ~Step() = default;
    /// Sends what it has to.
    virtual void take(Core& core) = 0;
  };

  /// Takes the step now if there is still one to be taken in this tick, or else later, in turn.
  void go_on(std::unique_ptr<Step> step, Core& core);
  void tick(Core& core);
  std::size_t waiting() const { return waiting_.size(); }

 private:
  std::deque<std::unique_ptr<Step>> waiting_;
  std::size_t left_ = steps_a_tick;
};

}  // namespace pannier::policies
