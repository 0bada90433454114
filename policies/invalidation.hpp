#pragma once

#include <string>
#include <vector>

#include "policies/date.hpp"

namespace pannier::policies {

/// What is to be made invalid, in the words of clients: one command of an operator, one event, one
/// run of a schedule. Everything in it is carried out; nothing in it is a list of everything.
struct Invalidation {
  /// Of a rule whose keys are about a range of dates: all keys whose range has a day in this one.
  struct Range {
    std::string rule;
    Date from, to;  ///< Both belong to it.
  };
  std::vector<std::string> keys;
  std::vector<std::string> tags;                 ///< Keys with any of them.
  std::vector<std::vector<std::string>> all_of;  ///< Keys with all tags of one of these lists.
  std::vector<std::string> patterns;
  std::vector<Range> ranges;
  std::vector<std::string> rules;  ///< All keys under a rule, by its name.
  /// Values become stale instead: who may be served stale values still is, while one reader loads.
  bool soft = false;
  std::string by;  ///< Who asked, as the audit shows it: `client 7`, `event stock`, `schedule eod`.

  std::size_t size() const {
    return keys.size() + tags.size() + all_of.size() + patterns.size() + ranges.size() +
           rules.size();
  }
};

}  // namespace pannier::policies
