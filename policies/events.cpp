#include "policies/events.hpp"

#include <algorithm>
#include <set>

#include "policies/spelling.hpp"
#include "protocol/glob.hpp"

namespace pannier::policies {

template <class T>
using Result = boost::system::result<T, std::string>;
using As = FieldTemplate::As;

namespace {

Result<std::vector<FieldTemplate>> compile_all(const std::vector<std::string>& texts) {
  std::vector<FieldTemplate> made;
  for (const auto& text : texts) {
    auto one = FieldTemplate::compile(text);
    if (!one) return quoted(text) + ": " + one.error();
    made.push_back(std::move(*one));
  }
  return made;
}

/// Fills each of `templates` into `out`; `left` is how many targets there may still be.
Result<bool> fill_all(const std::vector<FieldTemplate>& templates, const JsonDocument& payload,
                      As as, std::size_t& left, std::vector<std::string>& out) {
  for (const auto& one : templates) {
    auto texts = one.fill(payload, as, left);
    if (!texts) return texts.error();
    left -= texts->size();
    for (auto& text : *texts) out.push_back(std::move(text));
  }
  return true;
}

Result<Date> date_in(const FieldTemplate& text, const JsonDocument& payload) {
  const auto filled = text.fill(payload, As::text, 1);
  if (!filled) return filled.error();
  const auto date = filled->empty() ? std::nullopt : parse_date(filled->front());
  if (date) return *date;
  return quoted(text.text()) + " is " + quoted(filled->empty() ? "" : filled->front()) +
         ", not a date such as 2026-11-21";
}

std::string_view before(std::string_view text, std::string_view any_of) {
  return text.substr(0, text.find_first_of(any_of));
}

/// Whether some tag might be made of both: of the rule's, and of what `widest` is the glob of.
bool may_meet(std::string_view rule_tag, std::string_view widest) {
  const auto a = before(rule_tag, "{"), b = before(widest, "*?[\\");
  return a.starts_with(b) || b.starts_with(a);
}

/// Whether keys of the rule may have such a tag.
bool may_have(const RuleSettings& rule, std::string_view widest) {
  const auto of_key = [&](const std::string& tag) { return may_meet(tag, widest); };
  const auto of_value = [&](const TagSource& source) { return may_meet(source.as, widest); };
  return rule.runtime_tags || std::ranges::any_of(rule.tags, of_key) ||
         std::ranges::any_of(rule.tags_from, of_value);
}

}  // namespace

Result<Targets> Targets::compile(const TargetSettings& settings) {
  Targets made;
  const auto take = [](const std::vector<std::string>& texts, Texts& out) {
    auto all = compile_all(texts);
    if (!all) return all.error();
    out = std::move(*all);
    return std::string();
  };
  for (auto wrong : {take(settings.keys, made.keys_), take(settings.tags, made.tags_),
                     take(settings.patterns, made.patterns_)}) {
    if (!wrong.empty()) return wrong;
  }
  for (const auto& tags : settings.all_of) {
    auto wrong = take(tags, made.all_of_.emplace_back());
    if (!wrong.empty()) return wrong;
  }
  for (const auto& range : settings.ranges) {
    auto ends = compile_all({range.from, range.to});
    if (!ends) return ends.error();
    made.ranges_.push_back({range.rule, std::move(ends->front()), std::move(ends->back())});
  }
  made.rules_ = settings.rules;
  made.soft_ = settings.soft;
  return made;
}

Result<Invalidation> Targets::fill(const JsonDocument& payload, std::size_t most) const {
  Invalidation what;
  what.soft = soft_;
  what.rules = rules_;
  std::size_t left = most;
  for (const auto& [templates, as, out] :
       {std::tuple(&keys_, As::text, &what.keys), std::tuple(&tags_, As::text, &what.tags),
        std::tuple(&patterns_, As::glob, &what.patterns)}) {
    const auto filled = fill_all(*templates, payload, as, left, *out);
    if (!filled) return filled.error();
  }
  for (const auto& tags : all_of_) {
    const auto filled = fill_all(tags, payload, As::text, left, what.all_of.emplace_back());
    if (!filled) return filled.error();
    if (what.all_of.back().empty()) what.all_of.pop_back();
  }
  for (const auto& range : ranges_) {
    const auto from = date_in(range.from, payload), to = date_in(range.to, payload);
    if (!from) return from.error();
    if (!to) return to.error();
    if (*from > *to) return date_text(*from) + " is after " + date_text(*to);
    if (left-- == 0) return std::string("too many targets (limits.max_targets)");
    what.ranges.push_back({range.rule, *from, *to});
  }
  return what;
}

Invalidation Targets::widest(const std::vector<RuleSettings>& rules) const {
  Invalidation what;
  what.soft = soft_;
  std::set<std::string> patterns, tags, names(rules_.begin(), rules_.end());
  for (const auto& key : keys_) {
    if (key.has_fields()) {
      patterns.insert(key.widest(As::text));
    } else {
      what.keys.push_back(key.widest(As::text));
    }
  }
  for (const auto& pattern : patterns_) patterns.insert(pattern.widest(As::glob));
  const auto add_tag = [&](const FieldTemplate& tag) {
    if (!tag.has_fields()) return void(tags.insert(tag.text()));
    for (const auto& rule : rules) {
      const auto glob = tag.widest(As::text);
      if (may_have(rule, glob)) names.insert(rule.name);
    }
  };
  for (const auto& tag : tags_) add_tag(tag);
  for (const auto& all : all_of_) {
    if (!all.empty()) add_tag(all.front());  // More than those with all of them.
  }
  for (const auto& range : ranges_) names.insert(range.rule);
  what.tags.assign(tags.begin(), tags.end());
  what.rules.assign(names.begin(), names.end());
  what.patterns.assign(patterns.begin(), patterns.end());
  return what;
}

bool Targets::has_fields() const {
  const auto any = [](const Texts& texts) {
    return std::ranges::any_of(texts, [](const auto& text) { return text.has_fields(); });
  };
  return any(keys_) || any(tags_) || any(patterns_) || std::ranges::any_of(all_of_, any) ||
         std::ranges::any_of(ranges_, [](const Range& range) {
           return range.from.has_fields() || range.to.has_fields();
         });
}

Result<Event> Event::compile(const EventSettings& settings) {
  Event made;
  made.settings_ = settings;
  auto targets = Targets::compile(settings.invalidate);
  if (!targets) return targets.error();
  made.targets_ = std::move(*targets);
  for (const auto& condition : settings.when) {
    auto field = JsonPath::compile("$." + condition.field);
    if (!field) return quoted(condition.field) + " is not a field: " + field.error();
    made.when_.push_back({std::move(*field), condition.values});
  }
  if (!settings.idempotency.empty()) {
    auto key = FieldTemplate::compile(settings.idempotency);
    if (!key) return key.error();
    made.idempotency_.push_back(std::move(*key));
  }
  return made;
}

bool Event::concerns(const JsonDocument& payload) const {
  return std::ranges::all_of(when_, [&](const Condition& condition) {
    const auto value = payload.find_one(condition.field);
    return value && std::ranges::find(condition.values, *value) != condition.values.end();
  });
}

Result<std::vector<std::string>> Event::idempotency_key(const JsonDocument& payload) const {
  if (idempotency_.empty()) return std::vector<std::string>();
  return idempotency_.front().fill(payload, As::text, 1);
}

}  // namespace pannier::policies
