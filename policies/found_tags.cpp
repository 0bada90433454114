#include "policies/found_tags.hpp"

#include <algorithm>
#include <iterator>

#include "policies/scripts.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

namespace {

constexpr std::size_t most_tags = JsonDocument::max_found;

void sort_once(std::vector<std::string>& tags) {
  std::sort(tags.begin(), tags.end());
  tags.erase(std::unique(tags.begin(), tags.end()), tags.end());
}

/// The captures of a key whose rule is known.
Match match_of(const Subject& subject) {
  Match match;
  match.rule = subject.rule.get();
  for (const auto& pattern : match.rule->settings->match) {
    match.pattern = &pattern;
    if (pattern.matches(subject.client_key, match.captures)) break;
  }
  return match;
}

/// The life of an incomplete value. It ends sooner, and says as exactly when it began.
Life shortened(const Subject& base) {
  const auto fresh = std::min(base.life.fresh, base.rule->settings->incomplete.ttl);
  return {fresh, fresh + (base.life.total - base.life.fresh)};
}

/// The subject with more tags and its value's life; itself if it has them and there is no floor.
SubjectRef with(const SubjectRef& known, ValueFacts facts, std::optional<ServerTime> floor) {
  const auto& base = by_rule(known);
  auto& tags = facts.tags;
  const auto life = facts.is_incomplete ? shortened(*base) : base->life;
  const bool is_usual = life.fresh == base->life.fresh;
  tags.insert(tags.end(), base->tags.begin(), base->tags.end());
  sort_once(tags);
  if (tags.size() == base->tags.size() && !floor && is_usual) return base;
  const bool lives_so = life.fresh == known->life.fresh;
  if (tags == known->tags && floor == known->floor && lives_so) return known;
  auto subject = std::make_shared<Subject>(*base);
  subject->base = base;
  subject->tags = std::move(tags);
  subject->floor = floor;
  subject->life = life;
  return subject;
}

}  // namespace

std::optional<TagRecord> TagRecord::parse(std::string_view text) {
  const auto first = text.substr(0, text.find(' '));
  const auto floor = protocol::to_integer(first);
  if (!floor || *floor < 0) return std::nullopt;
  TagRecord record{ServerTime(milliseconds(*floor)), {}};
  text.remove_prefix(first.size());
  while (!text.empty()) {
    text.remove_prefix(1);
    const auto tag = text.substr(0, text.find(' '));
    if (!tag.empty()) record.tags.emplace_back(tag);
    text.remove_prefix(tag.size());
  }
  return record;
}

std::string TagRecord::text() const {
  auto text = std::to_string(floor.time_since_epoch().count());
  for (const auto& tag : tags) (text += ' ') += tag_name(tag);
  return text;
}

ValueFacts facts_of_value(const Subject& subject, std::string_view value) {
  ValueFacts facts;
  auto& tags = facts.tags;
  if (!subject.rule->looks_into_values()) return facts;
  const auto& sources = subject.rule->settings->tags_from;
  const auto document = JsonDocument::parse(value);
  if (!document) {
    if (!sources.empty()) ++subject.counters().untagged_values;
    return facts;
  }
  const auto& incomplete = subject.rule->settings->incomplete;
  if (incomplete.ttl.count() > 0) {
    const auto found = document->find(incomplete.json);
    facts.is_incomplete = std::ranges::find(found, incomplete.is) != found.end();
  }
  const auto match = match_of(subject);
  for (const auto& source : sources) {
    for (const auto& found : document->find(source.json, most_tags + 1)) {
      tags.push_back(filled_tag(source.as, match, found));
    }
  }
  sort_once(tags);
  if (tags.size() > most_tags) {
    ++subject.counters().untagged_values;
    tags.clear();
  }
  return facts;
}

SubjectRef with_tags_of(const SubjectRef& subject, std::string_view value) {
  if (!subject->rule->looks_into_values()) return subject;
  return with(subject, facts_of_value(*subject, value), std::nullopt);
}

std::uint32_t append_record_question(std::string& wire, const Subject& subject) {
  if (!subject.rule->settings->runtime_tags) return 0;
  protocol::append_command(wire, {"CLIENT", "CACHING", "YES"});
  protocol::append_command(wire, {"GET", TagRecord::key(subject.key)});
  return 2;
}

std::uint32_t append_value_question(std::string& wire, const Subject& subject) {
  if (!subject.rule->looks_into_values()) return 0;
  const auto end = std::to_string(JsonDocument::max_bytes);  // One byte more than is looked at.
  protocol::append_command(wire, {"GETRANGE", subject.key, "0", end});
  return 1;
}

void FoundTags::value(const Subject& subject, std::string_view text) {
  facts_ = facts_of_value(subject, text);
}

void FoundTags::record_reply(std::string_view reply) {
  protocol::ReplyReader reader(reply);
  const auto text = reader.next();
  if (!text.error() && !text.null) record_ = TagRecord::parse(text.text);
}

SubjectRef FoundTags::subject(const SubjectRef& known, ServerTime asked) const {
  auto facts = facts_;
  if (!known->rule->settings->runtime_tags) return with(known, std::move(facts), std::nullopt);
  if (!record_) return with(known, std::move(facts), asked);
  std::copy(record_->tags.begin(), record_->tags.end(), std::back_inserter(facts.tags));
  const bool none = record_->floor == ServerTime{};
  return with(known, std::move(facts), none ? std::nullopt : std::optional(record_->floor));
}

std::uint32_t append_record_upkeep(std::string& wire, const Subject& subject, Replaces what,
                                   const Core& core) {
  if (!subject.rule->settings->runtime_tags) return 0;
  protocol::append_command(
      wire, {"EVAL", scripts::keep_record, "2", TagRecord::key(subject.key), subject.key,
             TagRecord{}.text(), std::to_string(core.generation_life().count()),
             what == Replaces::all ? "1" : "0"});
  return 1;
}

std::uint32_t append_creations(std::string& wire, const Subject& subject, ServerTime missed,
                               const Core& core) {
  if (!subject.base) return 0;
  const auto& asked = subject.base->tags;  // These were looked for when the key was missed.
  std::vector<std::string> unknown;
  for (const auto& tag : subject.tags) {
    if (std::binary_search(asked.begin(), asked.end(), tag)) continue;
    if (core.generations.find(subject.db, tag) == nullptr) unknown.push_back(tag);
  }
  if (unknown.empty()) return 0;
  append_creations_of(unknown, wire, missed, core);
  return 1;
}

void append_creations_of(const std::vector<std::string>& tags, std::string& wire, ServerTime began,
                         const Core& core) {
  protocol::append_command(wire, 6 + tags.size());
  protocol::append_bulk(wire, "EVAL");
  protocol::append_bulk(wire, scripts::create_generations);
  protocol::append_bulk(wire, std::to_string(1 + tags.size()));
  protocol::append_bulk(wire, TagGenerations::any_key);
  for (const auto& tag : tags) protocol::append_bulk(wire, TagGenerations::key(tag));
  protocol::append_bulk(wire, std::to_string(began.time_since_epoch().count()));
  protocol::append_bulk(wire, std::to_string(core.generation_life().count()));
}

std::vector<std::string> tags_of_copy(std::string_view kept) {
  std::vector<std::string> tags;
  while (!kept.empty()) {
    const auto tag = kept.substr(0, kept.find('\n'));
    tags.emplace_back(tag);
    kept.remove_prefix(tag.size() + 1);
  }
  return tags;
}

void keep_copy(Core& core, const Subject& subject, const LocalCopies::View& view,
               std::string_view value, TimePoint until) {
  const auto& rule = *subject.rule;
  const auto keep = [&](std::string_view question, std::string_view reply) {
    return core.copies.replace(subject.db, subject.key, view, question, reply, until, core.now,
                               rule.kept_past_end());
  };
  if (!rule.finds_tags()) {
    keep({}, value);
    return;
  }
  core.copies.erase(subject.db, subject.key);  // What is beside others has the older stamp of both.
  std::string tags;
  for (const auto& tag : subject.tags) (tags += tag_name(tag)) += '\n';
  if (keep(copied_tags_question, tags)) keep({}, value);
}

}  // namespace pannier::policies
