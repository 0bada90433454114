#include "policies/rule_set.hpp"

#include <algorithm>
#include <charconv>
#include <span>

#include "policies/origin.hpp"

namespace pannier::policies {

std::string filled_tag(std::string_view text, const Match& match, std::string_view value) {
  std::string out;
  while (!text.empty()) {
    const auto open = text.find('{');
    out += text.substr(0, open);
    if (open == text.npos) break;
    const auto close = text.find('}', open);
    const auto name = text.substr(open + 1, close - open - 1);
    out += name.empty() ? value : match.capture(name);
    text.remove_prefix(close + 1);
  }
  return out;
}

std::string_view Match::capture(std::string_view name) const {
  const auto& names = pattern->names();
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i] == name) return captures[i];
  }
  return {};
}

std::optional<std::uint64_t> Match::version() const {
  if (captures.empty()) return std::nullopt;
  const auto text = captures.back();
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

milliseconds longest_life_of(const TierSettings& tier) {
  const auto life = tier.ttl + tier.stale;
  return tier.second_tier ? std::max(life, tier.second_tier->ttl) : life;
}

struct RuleSet::Sown {
  std::map<char, std::unique_ptr<Sown>> children;
  std::unique_ptr<Sown> segment;
  std::vector<Candidate> candidates;

  static Sown* of(std::unique_ptr<Sown>& place) {
    if (!place) place = std::make_unique<Sown>();
    return place.get();
  }
};

RuleSet::RuleSet(const Settings& settings, CounterBook& book) : settings_(settings) {
  rules_.reserve(settings_.rules.size());
  Sown root;
  std::uint32_t order = 0;
  for (const auto& rule : settings_.rules) {
    const auto& tier = settings_.tiers[rule.tier];
    const auto* origin = rule.origin ? &settings_.origins->all[*rule.origin] : nullptr;
    const auto& second = tier.second_tier;
    const auto* table = second ? &settings_.origins->all[second->read] : nullptr;
    rules_.push_back(
        {&rule, &tier, &book.tier(tier.name), &book.rule(rule.name), origin, table, rules_.size()});
    has_second_tiers_ |= table != nullptr;
    guards_ = guards_ || tier.guard != Guard::off;
    serve_outdated_ |= rules_.back().serves_outdated();
    finds_tags_ |= rules_.back().finds_tags();
    renames_ |= rule.version.mode == VersionMode::transparent;
    if (rules_.back().tagged()) longest_life_ = std::max(longest_life_, longest_life_of(tier));
    for (const auto& pattern : rule.match) {
      Sown* at = &root;
      for (const auto part : pattern.beginning()) {
        if (part.empty()) at = Sown::of(at->segment);
        for (const char byte : part) at = Sown::of(at->children[byte]);
      }
      at->candidates.push_back({order++, &rules_.back(), &pattern});
    }
  }
  settle(root);
}

std::uint32_t RuleSet::settle(const Sown& sown) {
  const auto id = static_cast<std::uint32_t>(nodes_.size());
  nodes_.emplace_back();
  nodes_[id].first = static_cast<std::uint32_t>(candidates_.size());
  nodes_[id].candidates = static_cast<std::uint32_t>(sown.candidates.size());
  candidates_.insert(candidates_.end(), sown.candidates.begin(), sown.candidates.end());
  const auto begin = static_cast<std::uint32_t>(edges_.size());
  for (const auto& [byte, next] : sown.children) edges_.push_back({byte, none});
  nodes_[id].begin = begin;
  nodes_[id].end = static_cast<std::uint32_t>(edges_.size());
  auto at = begin;
  for (const auto& [byte, next] : sown.children) edges_[at++].node = settle(*next);
  if (sown.segment) {
    const auto segment = settle(*sown.segment);
    nodes_[id].segment = segment;
  }
  return id;
}

std::uint32_t RuleSet::child(const Node& node, char byte) const {
  const Edge* const end = edges_.data() + node.end;
  for (const Edge* edge = edges_.data() + node.begin; edge != end; ++edge) {
    if (edge->byte == byte) return edge->node;
  }
  return none;
}

std::string RuleSet::kept_past_end() const {
  std::string text;
  if (!serve_outdated_) return text;
  for (const auto& rule : rules_) {
    for (const auto& pattern : rule.settings->match) (text += pattern.text()) += '\0';
    text += setting_text(rule.kept_past_end()) + '\0';
  }
  return text;
}

void RuleSet::find(std::string_view key, Match& match) const {
  match.rule = nullptr;
  if (rules_.empty()) return;
  auto best = none;
  walk(key, 0, 0, best, match);
}

void RuleSet::walk(std::string_view key, std::size_t i, std::uint32_t at, std::uint32_t& best,
                   Match& match) const {
  for (;; ++i) {
    const Node& node = nodes_.data()[at];  // Once for each byte of every key.
    for (const auto& candidate : std::span(candidates_.data() + node.first, node.candidates)) {
      if (candidate.order > best) break;
      if (!candidate.pattern->matches(key, scratch_)) continue;
      best = candidate.order;
      match.rule = candidate.rule;
      match.pattern = candidate.pattern;
      match.captures.swap(scratch_);
      break;
    }
    if (node.segment != none) {
      const auto end = std::min(key.find(':', i), key.size());
      if (end > i) walk(key, end, node.segment, best, match);
    }
    if (i == key.size()) return;
    at = child(node, key[i]);
    if (at == none) return;
  }
}

std::string_view RuleSet::find_upstream(std::string_view upstream, Match& match) const {
  const auto name = upstream.substr(0, upstream.rfind(":v"));
  find(name, match);
  if (match && match.rule->settings->version.mode == VersionMode::transparent) return name;
  find(upstream, match);
  return upstream;
}

std::optional<DateRange> RuleSet::dates(const Match& match) {
  const auto& names = match.rule->settings->dates;
  if (names.empty()) return std::nullopt;
  const auto from = parse_date(match.capture(names.front()));
  const auto to = parse_date(match.capture(names.back()));
  if (!from || !to) return std::nullopt;
  return DateRange{*from, std::max(*from, *to)};
}

std::vector<std::string> RuleSet::tags(const Match& match) const {
  std::vector<std::string> tags;
  tags.reserve(match.rule->settings->tags.size());
  for (const auto& text : match.rule->settings->tags) tags.push_back(filled_tag(text, match));
  if (tags.empty() && match.rule->finds_tags()) {
    tags.push_back("rule:" + match.rule->settings->name);
  }
  std::sort(tags.begin(), tags.end());
  tags.erase(std::unique(tags.begin(), tags.end()), tags.end());
  return tags;
}

}  // namespace pannier::policies
