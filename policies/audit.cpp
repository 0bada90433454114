#include "policies/audit.hpp"

namespace pannier::policies {

namespace {

constexpr std::size_t longest = 200;

std::string joined(const std::vector<std::string>& words, const char* between) {
  std::string text;
  for (const auto& word : words) {
    if (text.size() > longest) break;
    if (!text.empty()) text += between;
    text += word;
  }
  return text;
}

}  // namespace

std::string audit_text(const Invalidation& what) {
  std::string text;
  const auto add = [&](const std::string& kind, const std::string& name) {
    if (text.size() > longest) return;
    if (!text.empty()) text += "; ";
    text += kind + ' ' + name;
  };
  for (const auto& key : what.keys) add("key", key);
  for (const auto& tag : what.tags) add("tag", tag);
  for (const auto& tags : what.all_of) add("tags", joined(tags, " and "));
  for (const auto& pattern : what.patterns) add("pattern", pattern);
  for (const auto& rule : what.rules) add("rule", rule);
  for (const auto& range : what.ranges) {
    add("dates of " + range.rule, date_text(range.from) + " to " + date_text(range.to));
  }
  if (text.size() > longest) text = text.substr(0, longest) + "...";
  if (what.soft) text += " (soft)";
  return text;
}

const char* audit_outcome(AuditRecord::Outcome outcome) {
  switch (outcome) {
    case AuditRecord::Outcome::done:
      return "done";
    case AuditRecord::Outcome::journaled:
      return "journaled";
    case AuditRecord::Outcome::failed:
      return "failed";
  }
  return "";
}

}  // namespace pannier::policies
