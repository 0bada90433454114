#include "policies/ban_sweep.hpp"

#include <algorithm>
#include <optional>

#include "protocol/glob.hpp"

namespace pannier::policies {

namespace {

/// What every key that a glob matches begins with, and whether it is all of the glob.
std::string literal_beginning(std::string_view glob) {
  std::string beginning;
  for (std::size_t i = 0; i < glob.size(); ++i) {
    const char byte = glob[i];
    if (byte == '*' || byte == '?' || byte == '[') break;
    if (byte == '\\' && i + 1 < glob.size()) ++i;
    beginning += glob[i];
  }
  return beginning;
}

/// What keys that a ban covers begin with.
std::vector<std::string> beginnings(const Ban& ban, const RuleSet& rules) {
  std::vector<std::string> all;
  if (ban.kind == Ban::Kind::pattern) return {literal_beginning(ban.name)};
  if (ban.kind == Ban::Kind::everything) return {""};
  for (const auto& rule : rules.rules()) {
    const bool fits = ban.kind == Ban::Kind::tags ? rule.tagged() : rule.settings->name == ban.name;
    if (!fits) continue;
    for (const auto& pattern : rule.settings->match) all.emplace_back(pattern.prefix());
  }
  return all;
}

void shorten(std::optional<std::string>& common, std::string_view other) {
  if (!common) {
    common = other;
    return;
  }
  const auto differs = std::ranges::mismatch(*common, other);
  common->resize(static_cast<std::size_t>(differs.in1 - common->begin()));
}

/// Whether a ban covers a key as upstream calls it.
class Covered {
 public:
  Covered(std::vector<Ban> bans, std::shared_ptr<const RuleSet> rules)
      : bans_(std::move(bans)), rules_(std::move(rules)) {
    only_patterns_ =
        std::ranges::all_of(bans_, [](const Ban& ban) { return ban.kind == Ban::Kind::pattern; });
  }

  bool operator()(std::string_view key) const {
    Match match;
    key = rules_->find_upstream(key, match);
    // Such keys are the application's alone; only who names them by a pattern means them.
    if (match && match.rule->never()) match.rule = nullptr;
    if (!match && !only_patterns_) return is_named(key);
    std::vector<std::string> tags;
    Bannable subject{key, {}, {}, {}};
    if (match) {
      tags = rules_->tags(match);
      subject.tags = tags;
      subject.rule = match.rule->settings->name;
      subject.dates = RuleSet::dates(match);
    }
    return std::ranges::any_of(bans_, [&](const Ban& ban) { return ban.covers(subject); });
  }

 private:
  bool is_named(std::string_view key) const {
    return std::ranges::any_of(bans_, [&](const Ban& ban) {
      return ban.kind == Ban::Kind::pattern && ban.covers({key, {}, {}, {}});
    });
  }

  std::vector<Ban> bans_;
  std::shared_ptr<const RuleSet> rules_;
  bool only_patterns_;
};

}  // namespace

std::string scan_glob(const std::vector<Ban>& bans, const RuleSet& rules) {
  const bool is_one_pattern = bans.size() == 1 && bans[0].kind == Ban::Kind::pattern;
  if (is_one_pattern && !rules.renames()) return bans[0].name;
  std::optional<std::string> common;
  for (const auto& ban : bans) {
    for (const auto& beginning : beginnings(ban, rules)) shorten(common, beginning);
  }
  return protocol::glob_escaped(common.value_or("")) + '*';
}

void sweep_bans(Link lane, std::vector<Ban> bans, std::shared_ptr<std::uint64_t> found,
                KeySweep::Done done, Core& core) {
  const bool all_soft = std::ranges::all_of(bans, &Ban::soft);
  auto glob = scan_glob(bans, *core.rules);
  auto wanted = [is_covered = Covered(std::move(bans), core.rules), found](std::string_view key) {
    const bool is_wanted = is_covered(key);
    if (is_wanted) ++*found;
    return is_wanted;
  };
  KeySweep::start(lane, std::move(glob), std::move(wanted), std::move(done), core,
                  all_soft ? KeySweep::Does::count : KeySweep::Does::remove);
}

}  // namespace pannier::policies
