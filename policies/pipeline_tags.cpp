// Tags that keys are given at run time, and what tags a key has.

#include <algorithm>
#include <iterator>
#include <utility>

#include "policies/pipeline.hpp"
#include "policies/scripts.hpp"
#include "policies/store.hpp"
#include "policies/tagged_check.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

using protocol::Value;

namespace {

constexpr int most_attempts = 8;

/// PANNIER TAG: reads the key's record, then replaces it unless somebody else has meanwhile.
class TagChange final : public Exchange {
 public:
  TagChange(Ticket ticket, Link link, SubjectRef subject, std::vector<std::string> tags)
      : ticket_(ticket), link_(link), subject_(std::move(subject)), tags_(std::move(tags)) {}
  TagChange(TagChange&&) = default;

  static void read(TagChange change, Core& core) {
    std::string wire;
    protocol::append_command(wire, {"PEXPIRETIME", change.subject_->key});
    protocol::append_command(wire, {"GET", TagRecord::key(change.subject_->key)});
    change.replaces_ = false;
    send(std::move(change), wire, core);
  }

  void settle(std::size_t part, std::string_view reply, Core& core) override {
    protocol::ReplyReader reader(reply);
    const auto answer = reader.next();
    if (part == 0) {
      if (answer.kind != ':') return;
      if (replaces_) {
        // What is stored from now on begins after that.
        core.clock.learn(ServerTime(milliseconds(answer.number)), asked_, core.now);
      } else {
        expiretime_ = answer.number;
      }
      return;
    }
    if (answer.error()) return core.reply_from(link_, ticket_, reply);
    if (!replaces_) return replace(answer.null ? std::string() : std::string(answer.text), core);
    if (answer.number == 1) return tell(core);
    if (++attempts_ < most_attempts) return read(std::move(*this), core);
    std::string out;
    protocol::append_error(out, "ERR pannier: others change the tags of this key; not executed");
    core.reply(ticket_, out);
  }
  void fail(std::string_view error, Core& core) override { core.reply(ticket_, error); }

 private:
  static void send(TagChange change, const std::string& wire, Core& core) {
    const auto link = change.link_;
    core.send(link, wire, 2, std::make_unique<TagChange>(std::move(change)));
  }

  void replace(std::string record, Core& core) {
    before_ = TagRecord::parse(record).value_or(TagRecord{}).tags;
    std::sort(before_.begin(), before_.end());
    std::vector<std::string> gone;
    std::set_difference(before_.begin(), before_.end(), tags_.begin(), tags_.end(),
                        std::back_inserter(gone));
    std::string text;
    for (const auto& tag : tags_) (text += ' ') += tag;
    std::string wire;
    append_creations_of(tags_, wire, began(core), core);
    protocol::append_command(wire, 8 + gone.size());
    protocol::append_bulk(wire, "EVAL");
    protocol::append_bulk(wire, scripts::change_tags);
    protocol::append_bulk(wire, std::to_string(2 + gone.size()));
    protocol::append_bulk(wire, TagRecord::key(subject_->key));
    protocol::append_bulk(wire, subject_->key);
    for (const auto& tag : gone) protocol::append_bulk(wire, TagGenerations::key(tag));
    protocol::append_bulk(wire, record);
    protocol::append_bulk(wire, text);
    protocol::append_bulk(wire, std::to_string(core.generation_life().count()));
    replaces_ = true;
    asked_ = core.server_floor();
    send(std::move(*this), wire, core);
  }

  /// When the value began that is there, or is being loaded; else it is still to come.
  ServerTime began(Core& core) const {
    auto at = core.server_floor();
    if (expiretime_ >= 0) {
      at = std::min(at, ServerTime(milliseconds(expiretime_)) - subject_->life.total);
    }
    return std::min(at, core.misses.oldest(subject_->table_key, core.now).value_or(at));
  }

  void tell(Core& core) {
    const auto is_new = [&](const std::string& tag) {
      return !std::binary_search(before_.begin(), before_.end(), tag);
    };
    list(core);
    std::string out;
    protocol::append_integer(out, std::count_if(tags_.begin(), tags_.end(), is_new));
    core.reply(ticket_, out);
  }

  /// In the lists of its tags, for as long as a value stored now would live.
  void list(Core& core) const {
    if (!subject_->rule->settings->index || tags_.empty()) return;
    Subject tagged = *subject_;
    tagged.tags = tags_;
    std::string wire;
    const auto replies = append_index(wire, tagged, core.server_floor() + subject_->life.total);
    core.send(link_, wire, replies, std::make_unique<Unheeded>());
  }

  Ticket ticket_;
  Link link_;
  SubjectRef subject_;
  std::vector<std::string> tags_, before_;  ///< By their names, sorted.
  bool replaces_ = false;
  std::int64_t expiretime_ = -2;  ///< Of the key.
  int attempts_ = 0;
  ServerTime asked_{};  ///< When its creations were.
};

/// PANNIER TAGS of a key whose rule does not tell them all.
class TagsReport final : public Exchange {
 public:
  TagsReport(Ticket ticket, const SubjectRef& subject, Link link)
      : ticket_(ticket), check_(subject, link) {}
  std::uint32_t ask(std::string& wire, Core& core) { return check_.ask(wire, core); }

  void settle(std::size_t part, std::string_view reply, Core& core) override {
    check_.settle(part, reply, core);
    if (part + 1 < check_.parts()) return;
    check_.complete(core);
    Value::List list;
    for (const auto& tag : check_.check().subject().tags) list.push_back({tag});
    const auto* client = core.find(ticket_.client);
    if (client == nullptr) return;
    std::string out;
    Value{std::move(list)}.append_to(out, client->resp);
    core.reply(ticket_, out);
  }
  void fail(std::string_view error, Core& core) override { core.reply(ticket_, error); }

 private:
  Ticket ticket_;
  TaggedCheck check_;
};

}  // namespace

std::optional<Value> Pipeline::tags(Client& client, std::string_view key, TimePoint now) {
  const Call call(*this, now);
  KeyUse use;
  core_.rules->find(key, use.match);
  use.upstream = core_.upstream_key(key, use.match);
  Value::List list;
  if (!use.match) return Value{std::move(list)};
  if (use.match.rule->never() || !use.match.rule->finds_tags()) {
    for (auto& tag : core_.rules->tags(use.match)) list.push_back({std::move(tag)});
    return Value{std::move(list)};
  }
  const Ticket ticket{client.id, client.next};
  const std::string_view args[] = {key};
  const protocol::Command command{args, {}};
  static constexpr protocol::CommandSpec no_command{};
  const Request request{client, ticket, command, no_command, {}};
  const auto lane = core_.lane(client.db, use.match.rule);
  auto exchange = std::make_unique<TagsReport>(ticket, request.subject(use, core_), lane);
  std::string wire;
  const auto replies = exchange->ask(wire, core_);
  core_.begin(client, lane);
  core_.send(lane, wire, replies, std::move(exchange));
  return std::nullopt;
}

void Pipeline::tag(Client& client, std::string_view key, std::span<const std::string_view> tags,
                   TimePoint now) {
  const Call call(*this, now);
  const Ticket ticket{client.id, client.next};
  Match match;
  core_.rules->find(key, match);
  const auto lane = core_.lane(client.db, match.rule);
  core_.begin(client, lane);
  if (!match || match.rule->never() || !match.rule->settings->runtime_tags) {
    std::string out;
    protocol::append_error(out, match ? "ERR pannier: rule '" + match.rule->settings->name +
                                            "' does not say runtime_tags: true; not executed"
                                      : "ERR pannier: the key has no rule; not executed");
    return core_.reply(ticket, out);
  }
  if (tags.size() > JsonDocument::max_found) {
    std::string out;
    protocol::append_error(out, "ERR pannier: a key has at most 256 tags; not executed");
    return core_.reply(ticket, out);
  }
  std::vector<std::string> names;
  for (const auto tag : tags) names.push_back(tag_name(tag));
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  auto subject = make_subject(core_, match, client.db, key, core_.upstream_key(key, match));
  TagChange::read({ticket, lane, std::move(subject), std::move(names)}, core_);
}

}  // namespace pannier::policies
