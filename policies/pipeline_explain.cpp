// PANNIER EXPLAIN: everything that decides about a key, and what its next GET would do.

#include <algorithm>

#include "policies/absence.hpp"
#include "policies/pipeline.hpp"
#include "policies/refresh.hpp"
#include "policies/served_versions.hpp"
#include "policies/tagged_check.hpp"
#include "policies/version_report.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

using protocol::Value;

namespace {

std::string_view state_name(Standing::State state) {
  switch (state) {
    case Standing::State::fresh:
      return "fresh";
    case Standing::State::stale:
      return "stale";
    case Standing::State::invalid:
      return "invalid";
    case Standing::State::foreign:
      return "foreign";
  }
  return "";
}

/// PANNIER EXPLAIN: asks upstream what a read would ask, and tells instead of acting.
class Explanation final : public Exchange {
 public:
  Explanation(Ticket ticket, const SubjectRef& subject, Link link)
      : ticket_(ticket), link_(link), tagged_(subject, link) {}
  Explanation(Explanation&&) = default;
  std::uint32_t ask(std::string& wire, Core& core) {
    const auto& subject = check().subject();
    ahead_ = subject.rule->origin != nullptr ? 1 : 0;
    if (ahead_ > 0) absence::append_question(wire, subject.key);
    return ahead_ + tagged_.ask(wire, core);
  }

  void settle(std::size_t part, std::string_view reply, Core& core) override {
    if (part < ahead_) {
      absent_since_ = absence::began_of(reply, *check().subject().rule->origin);
      return;
    }
    part -= ahead_;
    tagged_.settle(part, reply, core);
    if (part + 1 < tagged_.parts()) return;
    if (!judges_ && !tagged_.complete(core)) return ask_generations(core);
    const auto* client = core.find(ticket_.client);
    if (client == nullptr) return;
    std::string out;
    Value{describe(core)}.append_to(out, client->resp);
    core.reply(ticket_, out);
  }
  void fail(std::string_view error, Core& core) override { core.reply(ticket_, error); }

 private:
  /// Of tags that only the value tells, or that were invalidated meanwhile.
  void ask_generations(Core& core) {
    auto exchange = std::make_unique<Explanation>(std::move(*this));
    exchange->judges_ = true;
    exchange->ahead_ = 0;
    std::string wire;
    const auto replies = exchange->tagged_.ask_generations(wire, core);
    const auto link = exchange->link_;
    core.send(link, wire, replies, std::move(exchange));
  }
  const ValidityCheck& check() const { return tagged_.check(); }
  Value::Map describe(const Core& core);
  void describe_tags(Value::Map& fields, const Core& core) const;
  void describe_bans(Value::Map& fields, const Core& core) const;
  void describe_lease(Value::Map& fields, const Core& core) const;
  /// How long a copy would answer GET; nothing where none would.
  std::optional<milliseconds> copy_left(const Core& core) const;
  void describe_value(Value::Map& fields, const Standing& standing);
  /// What the next GET of a fresh value would do.
  std::string refresh_of(const Standing& standing, const Core& core) const;

  Ticket ticket_;
  Link link_;
  TaggedCheck tagged_;
  bool judges_ = false;
  std::uint32_t ahead_ = 0;                 ///< Replies before those of the check.
  std::optional<ServerTime> absent_since_;  ///< As the fleet knows it of its origin.
};

void Explanation::describe_value(Value::Map& fields, const Standing& standing) {
  const auto& life = check().subject().life;
  const auto window = life.total - life.fresh;
  if (standing.state == Standing::State::foreign) return;
  fields.push_back({"age_ms", {standing.age.count()}});
  fields.push_back(
      {"fresh_left_ms", {std::max(std::int64_t{0}, (standing.remaining - window).count())}});
  fields.push_back({"stale_left_ms", {std::min(standing.remaining, window).count()}});
}

std::string Explanation::refresh_of(const Standing& standing, const Core& core) const {
  const auto& subject = check().subject();
  const auto& tier = *subject.rule->tier;
  if (tier.refresh.how == Refresh::How::xfetch) return "hit, or nil with the lease (xfetch draws)";
  const auto load = core.learning.usual_load(subject.rule->settings->name);
  const bool is_due = tier.refresh.how == Refresh::How::at_share &&
                      until_refresh(tier, subject.life, standing, load, 1) <= microseconds(0);
  return is_due ? "nil with the lease (refresh); others get the value" : "hit";
}

/// Each tag with its generation, in milliseconds; soft ones, if there are any, by themselves.
void Explanation::describe_tags(Value::Map& fields, const Core& core) const {
  const auto& subject = check().subject();
  Value::Map tags, soft;
  for (const auto& tag : subject.tags) {
    const auto* known = core.generations.find(subject.db, tag);
    const auto generation = known == nullptr ? Generation() : known->generation;
    tags.push_back({tag, {generation.hard.time_since_epoch().count()}});
    if (generation.soft == ServerTime{}) continue;
    soft.push_back({tag, {generation.soft.time_since_epoch().count()}});
  }
  fields.push_back({"tags", {std::move(tags)}});
  if (!soft.empty()) fields.push_back({"tags_soft", {std::move(soft)}});
}

void Explanation::describe_bans(Value::Map& fields, const Core& core) const {
  const auto& subject = check().subject();
  const auto banned = core.bans.newest(subject.db, subject.bannable());
  fields.push_back({"banned", {banned.hard || banned.soft}});
  if (banned.hard) fields.push_back({"ban_ms", {banned.hard->time_since_epoch().count()}});
  if (banned.soft) fields.push_back({"soft_ban_ms", {banned.soft->time_since_epoch().count()}});
}

void Explanation::describe_lease(Value::Map& fields, const Core& core) const {
  const auto& key = check().subject().table_key;
  const bool leased = core.leases.held(key);
  fields.push_back({"leased", {leased}});
  if (!leased) return;
  const bool is_ours = !core.leases.held_elsewhere(key);
  fields.push_back({"lease_holder", {is_ours ? "a client here" : "another sidecar's client"}});
  const auto age = core.now - core.leases.granted_at(key);
  fields.push_back({"lease_age_ms", {std::chrono::duration_cast<milliseconds>(age).count()}});
}

std::optional<milliseconds> Explanation::copy_left(const Core& core) const {
  const auto& subject = check().subject();
  const auto past_end = subject.rule->kept_past_end();
  const auto kept = core.copies.look_at(subject.db, subject.key, core.now, past_end);
  const bool is_known = core.generations_current(subject) && !core.lacks_generation(subject);
  if (!kept || !is_known || core.upstream != Core::UpstreamState::up) return std::nullopt;
  for (const auto& tag : subject.tags) {
    if (core.generations.find(subject.db, tag)->moved > kept->stamp) return std::nullopt;
  }
  return std::chrono::duration_cast<milliseconds>(kept->left);
}

Value::Map Explanation::describe(const Core& core) {
  const auto& subject = check().subject();
  const auto& rule = *subject.rule;
  const auto standing = check().look(core);
  Value::Map fields{{"key", {subject.client_key}},
                    {"upstream_key", {subject.key}},
                    {"rule", {rule.settings->name}},
                    {"tier", {rule.tier->name}},
                    {"ttl_ms", {subject.life.fresh.count()}},
                    {"stale_window_ms", {(subject.life.total - subject.life.fresh).count()}}};
  describe_tags(fields, core);
  if (const auto* version = core.versions.find(version_name(*rule.settings))) {
    describe_version(fields, *version, subject, core);
  }
  describe_bans(fields, core);
  describe_lease(fields, core);
  const auto copy_left = this->copy_left(core);
  fields.push_back({"copy", {copy_left.has_value()}});
  if (copy_left) fields.push_back({"copy_left_ms", {copy_left->count()}});
  const bool leased = core.leases.held(subject.table_key);
  const bool there = !check().absent();
  fields.push_back({"state", {std::string(there ? state_name(standing.state) : "absent")}});
  if (there) describe_value(fields, standing);
  using State = Standing::State;
  const bool foreign_miss = standing.state == State::foreign && rule.tier->foreign == Foreign::miss;
  const bool throttled = core.throttle.holds(subject.table_key, core.now);
  std::string next = "hit";
  if (!there || standing.state == State::invalid || foreign_miss) {
    next = "nil";
    if (rule.leases()) next = leased ? "wait for the holder's SET" : "nil with the lease";
    if (falls_back(core, subject, *core.find(ticket_.client))) {
      next = "value of the version before, if it is valid";
      if (!leased && !throttled) next = "nil with the lease; others get the " + next;
    }
  } else if (standing.state == State::stale) {
    next = leased || throttled ? "stale value" : "nil with the lease; others get the stale value";
  } else if (standing.state == State::fresh && !leased && !throttled) {
    next = refresh_of(standing, core);
  }
  if (rule.origin != nullptr) {
    static const std::string none;
    const auto* said = core.origin_memory.find(subject.table_key, core.now);
    if (absent_since_ && absence::counts(*absent_since_, subject, core)) said = &none;
    const bool is_nil = said && (said->empty() || rule.origin->on_error == OnError::nil);
    const auto query = "the query of origin '" + rule.origin->name + "'";
    fields.push_back({"origin", {rule.origin->name}});
    if (next.starts_with("nil with the lease;")) next = "stale value, and " + query;
    if (next.starts_with("nil with the lease (")) next = "hit, and " + query + " (refresh)";
    if (next == "nil" || next == "nil with the lease" || next.starts_with("wait for")) {
      next = said == nullptr ? "wait for " + query
             : is_nil        ? "nil (remembered of " + query + ")"
                             : "the error of a moment ago of " + query;
    }
  }
  if (core.has_table(rule, subject.db)) {
    fields.push_back({"second_tier", {true}});
    if (next == "nil" || next == "nil with the lease") {
      next = "wait for the row of the second tier; without one: " + next;
    }
  }
  if (next == "hit" && copy_left) next = "hit from the local copy";
  fields.push_back({"next_get", {next}});
  return fields;
}

}  // namespace

void Pipeline::explain(Client& client, std::string_view key, TimePoint now) {
  const Call call(*this, now);
  const Ticket ticket{client.id, client.next};
  KeyUse use;
  core_.rules->find(key, use.match);
  const auto lane = core_.lane(client.db, use.match.rule);
  core_.begin(client, lane);
  const bool bypass = core_.mode == Mode::bypass;
  if (bypass || !use.match || use.match.rule->never()) {
    const char* next = bypass ? "passes through (mode bypass)" : "passes through to Redis as it is";
    Value::Map fields{{"key", {std::string(key)}},
                      {"rule", use.match ? Value{use.match.rule->settings->name} : Value{}},
                      {"next_get", {next}}};
    std::string out;
    Value{std::move(fields)}.append_to(out, client.resp);
    return core_.reply(ticket, out);
  }
  const std::string_view args[] = {key};
  const protocol::Command command{args, {}};
  static constexpr protocol::CommandSpec no_command{};
  const Request request{client, ticket, command, no_command, {}};
  const auto* version = core_.versions.find(version_name(*use.match.rule->settings));
  if (version != nullptr) name_version(core_, request, use, *version);
  if (core_.upstream == Core::UpstreamState::down && lane.kind == Link::Kind::lane) {
    std::string out;
    Value{explain_away(*request.subject(use, core_))}.append_to(out, client.resp);
    return core_.reply(ticket, out);
  }
  auto exchange = std::make_unique<Explanation>(ticket, request.subject(use, core_), lane);
  std::string wire;
  const auto replies = exchange->ask(wire, core_);
  core_.send(lane, wire, replies, std::move(exchange));
}

}  // namespace pannier::policies
