#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policies/settings.hpp"
#include "policies/subject.hpp"

namespace pannier::policies {

inline TierSettings tier_of(milliseconds ttl, milliseconds stale = milliseconds(0),
                            double jitter = 0) {
  TierSettings tier;
  tier.ttl = ttl;
  tier.stale = stale;
  tier.jitter = Ratio{jitter};
  return tier;
}

/// A rule of tier 0, named after its first pattern.
inline RuleSettings rule_of(std::vector<std::string_view> patterns,
                            std::vector<std::string> tags = {}) {
  RuleSettings rule;
  rule.name = std::string(patterns.front());
  for (const std::string_view pattern : patterns) {
    rule.match.push_back(*protocol::KeyPattern::compile(pattern));
  }
  rule.tags = std::move(tags);
  return rule;
}

/// A key of database 0 without a rule, called the same everywhere.
inline SubjectRef subject_of(std::string key) {
  auto subject = std::make_shared<Subject>();
  subject->client_key = subject->key = subject->table_key = std::move(key);
  return subject;
}

}  // namespace pannier::policies
