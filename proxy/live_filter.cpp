#include "proxy/live_filter.hpp"

#include <algorithm>

#include "policies/spelling.hpp"
#include "protocol/glob.hpp"
#include "proxy/admin_request.hpp"

namespace pannier::proxy {

namespace {

/// The texts between commas, decoded one by one. \returns what is wrong with them; empty if
/// nothing.
std::string read_list(std::string_view list, std::vector<std::string>& texts) {
  while (!list.empty()) {
    const auto piece = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), piece.size() + 1));
    const auto words = words_of("/" + std::string(piece));
    if (!words) return words.error();
    if (words->size() != 1) return "a / is written %2F";
    texts.push_back(words->front());
  }
  return {};
}

}  // namespace

boost::system::result<LiveFilter, std::string> LiveFilter::parse(std::string_view query) {
  LiveFilter filter;
  std::vector<std::string> tags;
  while (!query.empty()) {
    const auto piece = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), piece.size() + 1));
    const auto name = piece.substr(0, piece.find('='));
    const bool is_tags = name == "tags";
    if (name.size() == piece.size() || (!is_tags && name != "patterns")) {
      return policies::quoted(name) + " is not understood; write ?tags=a,b&patterns=x*";
    }
    auto wrong = read_list(piece.substr(name.size() + 1), is_tags ? tags : filter.patterns_);
    if (!wrong.empty()) return wrong;
  }
  filter.tags_.insert(tags.begin(), tags.end());
  if (filter.tags_.size() > most_tags || filter.patterns_.size() > most_patterns) {
    return std::string("more than 100 tags or patterns");
  }
  return filter;
}

bool LiveFilter::concerns(const policies::Invalidation& what,
                          const std::set<std::string>& key_tags) const {
  if (is_all() || !what.patterns.empty() || !what.ranges.empty() || !what.rules.empty())
    return true;
  const auto is_mine = [this](const std::string& tag) { return has_tag(tag); };
  const auto has_mine = [&](const auto& tags) { return std::ranges::any_of(tags, is_mine); };
  if (has_mine(what.tags) || has_mine(key_tags)) return true;
  if (std::ranges::any_of(what.all_of, has_mine)) return true;
  return std::ranges::any_of(what.keys, [this](const std::string& key) {
    return std::ranges::any_of(patterns_, [&](const std::string& pattern) {
      return protocol::glob_matches(pattern, key);
    });
  });
}

bool LiveFilter::concerns(const policies::Change& change) const {
  using Kind = policies::Change::Kind;
  switch (change.kind) {
    case Kind::ban:
    case Kind::lost:
      return true;
    case Kind::tag:
      return is_all() || has_tag(std::string(change.name));
    case Kind::stored:
      return std::ranges::any_of(change.tags,
                                 [this](const std::string& tag) { return has_tag(tag); });
  }
  return true;
}

}  // namespace pannier::proxy
