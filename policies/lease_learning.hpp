#pragma once

#include <bitset>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "policies/time.hpp"

namespace pannier::policies {

/// Learns per rule whether making readers wait is of use, and how long a load takes.
///
/// Where a grant is rarely followed by a SET (under 20 % of the last 50) waiting is in vain, so
/// nobody waits for two minutes; then one grant is tried, and decides. A single key whose holder
/// stayed silent twice in a row is not waited for during 30 s. Varnish calls this hit-for-miss.
class LeaseLearning {
 public:
  static constexpr std::size_t sample = 50, needed = 10;
  static constexpr microseconds rest = seconds(120), key_rest = seconds(30);
  static constexpr std::size_t key_capacity = 10'000;

  /// Whether readers of `key` should wait for one of them now.
  bool worth_waiting(std::string_view rule, std::string_view key, TimePoint now);

  /// A lease ended with the SET its holder was expected to send, after `load`.
  void filled(std::string_view rule, std::string_view key, microseconds load);
  /// A lease ended without one.
  void in_vain(std::string_view rule, std::string_view key, TimePoint now);

  /// How long a load of the rule takes, about; 0 while none is known.
  microseconds usual_load(std::string_view rule) const;
  /// How long a new lease of the rule should last: three times its usual load, 1 s to 10 s.
  microseconds lease_time(std::string_view rule) const;

 private:
  struct Learned {
    std::bitset<sample> filled;
    std::size_t seen = 0;
    bool resting = false, on_trial = false;
    TimePoint rests_until;
    microseconds usual_load{0};
  };
  struct KeyFailures {
    std::uint32_t in_a_row = 0;
    TimePoint rests_until;
  };
  void note(Learned& learned, bool was_filled, TimePoint now);

  std::map<std::string, Learned, std::less<>> rules_;
  std::unordered_map<std::string, KeyFailures> keys_;
};

}  // namespace pannier::policies
