#pragma once

#include <boost/system/result.hpp>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "policies/audit.hpp"
#include "policies/verdict.hpp"

namespace pannier::proxy {

/// What a subscriber of /live wants to hear of. It is told rather too much than too little: who
/// invalidates by pattern, rule or days may mean any key.
class LiveFilter {
 public:
  static constexpr std::size_t most_tags = 100, most_patterns = 100;

  /// Reads `tags=a,b&patterns=x*`, percent-decoded between the commas; an empty one wants all.
  static boost::system::result<LiveFilter, std::string> parse(std::string_view query);

  /// \param key_tags the tags that the keys in `what` have under their rules.
  bool concerns(const policies::Invalidation& what, const std::set<std::string>& key_tags) const;
  bool concerns(const policies::Change& change) const;

  const std::set<std::string>& tags() const { return tags_; }

 private:
  bool is_all() const { return tags_.empty() && patterns_.empty(); }
  bool has_tag(const std::string& tag) const { return tags_.contains(tag); }

  std::set<std::string> tags_;
  std::vector<std::string> patterns_;
};

}  // namespace pannier::proxy
