#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policies/date.hpp"

namespace pannier::policies {

/// The days a key is about; both belong to it.
struct DateRange {
  Date from, to;
};

/// What bans look at of a key.
struct Bannable {
  std::string_view key;  ///< As clients say it.
  std::span<const std::string> tags;
  std::string_view rule;           ///< Its name; empty where the key has none.
  std::optional<DateRange> dates;  ///< Nothing also where the key's captures are no dates.
};

/// An invalidation of keys by what they look like, instead of by a tag's generation or their names:
/// every value whose load began before it is invalid, wherever and whenever it is found. The idea
/// is Varnish's ban.
struct Ban {
  enum class Kind : std::uint8_t {
    everything,  ///< What came in place of bans that there was no room for.
    pattern,     ///< Keys that a glob matches.
    tags,        ///< Keys that have all of these tags.
    rule,        ///< Keys of a rule.
    dates,       ///< Keys of a rule whose days overlap these, or that say no days at all.
  };
  Kind kind = Kind::everything;
  bool soft = false;  ///< Values become stale instead of invalid.
  std::string name;   ///< The glob, or the rule's name.
  std::vector<std::string> tags;
  DateRange dates{};

  bool covers(const Bannable& key) const;

  /// As upstream's record of bans has it, and back. Whatever a glob or tag holds, two different
  /// bans never have one text.
  std::string text() const;
  static std::optional<Ban> parse(std::string_view text);
};

}  // namespace pannier::policies
