#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <string_view>

#include "policies/exchange.hpp"
#include "policies/setting_types.hpp"
#include "policies/time.hpp"
#include "policies/verdict.hpp"

namespace pannier::policies {

/// Whether local copies that were served were right: a share of them is read again from upstream
/// after a while, over a connection without tracking, and compared. The idea is Meta's Polaris.
///
/// A copy was right if upstream still has what was served, or if the key has changed since, which a
/// push or a lost lane tells. What differs is judged only when the lane has answered something that
/// was sent after the look: pushes come before that. Which hits are taken is counted out, not
/// drawn.
class SelfCheck {
 public:
  /// How long after it was served: upstream.max_lag, and twice more.
  static constexpr std::array<std::string_view, 3> stages{"1s", "10s", "60s"};
  static constexpr std::size_t most_pending = 1'000, most_findings = 100;

  /// What was served, and what was known of its key then.
  struct Served {
    std::uint32_t db = 0;
    std::string key, question;  ///< Upstream's name of the key, and the whole command.
    std::string reply;          ///< As the lane gave it.
    std::string rule;
    std::uint32_t epoch = 0;
    std::uint64_t stamp = 0;
    TimePoint at;
    std::size_t stage = 0;
  };
  struct Finding {
    std::uint64_t key_hash;
    std::string rule;
    std::size_t stage;
    TimePoint at;  ///< When it was served.
  };

  void configure(Share share, milliseconds max_lag);
  /// A copy is being served. \returns whether it is to be checked.
  bool take() {
    if (step_ == 0) return false;
    sum_ += step_;
    if (sum_ < Share::whole) return false;
    sum_ -= Share::whole;
    return pending() < most_pending;
  }
  void add(Served served);
  /// Asks what is due, and judges what can be judged.
  void tick(Core& core);

  std::size_t pending() const;
  const std::deque<Finding>& findings() const { return findings_; }  ///< Newest last.

 private:
  class Look;
  struct Suspect {
    Served served;
    ExchangeId after;  ///< The lane must have answered this one.
  };
  void ask(Served served, Core& core);
  void compare(Served served, std::string_view reply, Core& core);
  static bool has_changed(const Served& served, const Core& core);
  void judge(Core& core);

  std::uint32_t step_ = 0, sum_ = 0;
  std::array<milliseconds, stages.size()> delays_{};
  std::array<std::deque<Served>, stages.size()> waiting_;
  std::size_t asked_ = 0;
  std::deque<Suspect> suspects_;
  std::deque<Finding> findings_;
};

}  // namespace pannier::policies
