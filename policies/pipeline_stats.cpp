// What the pipeline tells about itself as a whole: STATS.

#include <cmath>
#include <cstdio>
#include <functional>

#include "policies/load_report.hpp"
#include "policies/pipeline.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

using protocol::Value;

namespace {

constexpr milliseconds facts_age{1'000};

/// `DBSIZE, INFO memory`, in front of STATS. Upstream may refuse either.
class FactsRead final : public Exchange {
 public:
  using Then = std::function<void(Core& core)>;
  FactsRead(std::uint32_t db, Then then) : then_(std::move(then)) { facts_.db = db; }

  void settle(std::size_t part, std::string_view reply, Core& core) override {
    protocol::ReplyReader reader(reply);
    const auto answer = reader.next();
    if (part == 0) {
      if (!answer.error()) facts_.keys = answer.number;
      return;
    }
    constexpr std::string_view name = "used_memory:";
    const auto at = answer.error() ? answer.text.npos : answer.text.find(name);
    if (at != answer.text.npos) {
      const auto text = answer.text.substr(at + name.size());
      facts_.memory_bytes = protocol::to_integer(text.substr(0, text.find('\r')));
    }
    facts_.at = core.now;
    core.facts = facts_;
    then_(core);
  }
  void fail(std::string_view, Core& core) override { then_(core); }

 private:
  Core::UpstreamFacts facts_;
  Then then_;
};

double rounded(double value) { return std::round(value * 100) / 100; }

/// Over all tiers, and what the store behind them holds: the numbers that dashboards show first.
Value::Map totals(const Core& core) {
  std::int64_t reads = 0, hits = 0, misses = 0;
  for (const auto& [name, tier] : core.book.tiers) {
    reads += static_cast<std::int64_t>(tier.reads);
    hits += static_cast<std::int64_t>(tier.hits);
    misses += static_cast<std::int64_t>(tier.misses);
  }
  const bool is_up = core.upstream == Core::UpstreamState::up && core.mode != Mode::memory;
  const bool in_memory = core.from_memory(nullptr);
  const bool has_keys = in_memory || (is_up && core.facts.keys.has_value());
  const bool has_bytes = in_memory || (is_up && core.facts.memory_bytes.has_value());
  const auto keys =
      in_memory ? static_cast<std::int64_t>(core.memory.size()) : core.facts.keys.value_or(0);
  const auto bytes = in_memory ? static_cast<std::int64_t>(core.memory.bytes())
                               : core.facts.memory_bytes.value_or(0);
  const auto asked = static_cast<double>(hits + misses);
  const double rate = asked > 0 ? static_cast<double>(hits) / asked : 0;
  const double mb = rounded(static_cast<double>(bytes) / (1 << 20));
  return {{"enabled", {core.mode != Mode::bypass}},
          {"connected", {is_up}},
          {"reads", {reads}},
          {"hits", {hits}},
          {"misses", {misses}},
          {"hit_rate", {rate}},
          {"hit_percent", {rounded(rate * 100)}},
          {"keys", has_keys ? Value{keys} : Value{}},
          {"memory_bytes", has_bytes ? Value{bytes} : Value{}},
          {"memory_mb", has_bytes ? Value{mb} : Value{}}};
}

std::int64_t ms(microseconds time) {
  return std::chrono::duration_cast<milliseconds>(time).count();
}

/// What the self-check found, by how long after it was served, and the last of it; keys as hashes.
Value::Map inconsistent(const Core& core) {
  Value::Map fields;
  for (std::size_t i = 0; i < SelfCheck::stages.size(); ++i) {
    fields.push_back({std::string(SelfCheck::stages[i]),
                      {static_cast<std::int64_t>(core.book.inconsistent[i])}});
  }
  Value::List last;
  for (const auto& finding : core.self_check.findings()) {
    char hash[17];
    std::snprintf(hash, sizeof hash, "%016llx", static_cast<unsigned long long>(finding.key_hash));
    last.push_back({Value::Map{{"key_hash", {std::string(hash)}},
                               {"rule", {finding.rule}},
                               {"after", {std::string(SelfCheck::stages[finding.stage])}},
                               {"served_ms_ago", {ms(core.now - finding.at)}}}});
  }
  fields.push_back({"last", {std::move(last)}});
  return fields;
}

/// Who made what invalid; the newest first.
Value::List audit(const Core& core) {
  Value::List lines;
  const auto& records = core.audit.records();
  for (auto at = records.rbegin(); at != records.rend(); ++at) {
    const auto& record = *at;
    lines.push_back({Value::Map{{"at_ms", {record.at.time_since_epoch().count()}},
                                {"by", {record.what.by}},
                                {"what", {audit_text(record.what)}},
                                {"count", {static_cast<std::int64_t>(record.count)}},
                                {"outcome", {audit_outcome(record.outcome)}},
                                {"error", record.error.empty() ? Value{} : Value{record.error}},
                                {"took_ms", {ms(record.took)}}}});
  }
  return lines;
}

Value::Map tier_stats(const TierCounters& counters) {
  Value::Map fields;
#define PANNIER_TIER_COUNTER(name, text) \
  fields.push_back({#name, {static_cast<std::int64_t>(counters.name)}});
#include "policies/counters.def"
  const auto asked = counters.hits + counters.misses;
  fields.push_back(
      {"hit_rate",
       {asked == 0 ? 0.0 : static_cast<double>(counters.hits) / static_cast<double>(asked)}});
  fields.push_back({"hit_p50_us", {counters.hit_seconds.quantile(.5).count()}});
  fields.push_back({"hit_p99_us", {counters.hit_seconds.quantile(.99).count()}});
  fields.push_back({"load_p50_us", {counters.load_seconds.quantile(.5).count()}});
  fields.push_back({"load_p99_us", {counters.load_seconds.quantile(.99).count()}});
  return fields;
}

}  // namespace

std::string_view state_name(Core::UpstreamState state) {
  switch (state) {
    case Core::UpstreamState::connecting:
      return "connecting";
    case Core::UpstreamState::up:
      return "up";
    case Core::UpstreamState::down:
      return "down";
    case Core::UpstreamState::absent:
      return "absent";
  }
  return "";
}

void Pipeline::report(Client& client, TimePoint now) {
  const Call call(*this, now);
  const Ticket ticket{client.id, client.next};
  const Link lane{Link::Kind::lane, client.db, 0};
  core_.begin(client, lane);
  const auto answer = [this, ticket](Core& core) {
    const auto* asker = core.find(ticket.client);
    if (asker == nullptr) return;
    std::string out;
    stats(core.now).append_to(out, asker->resp_of(ticket.number));
    core.reply(ticket, out);
  };
  const auto& facts = core_.facts;
  const bool is_known = facts.at != TimePoint{} && facts.db == client.db;
  const bool is_fresh = is_known && now - facts.at < facts_age;
  const bool is_up = core_.upstream == Core::UpstreamState::up && core_.mode != Mode::memory;
  if (is_fresh || !is_up) return answer(core_);
  std::string wire;
  protocol::append_command(wire, {"DBSIZE"});
  protocol::append_command(wire, {"INFO", "memory"});
  core_.send(lane, wire, 2, std::make_unique<FactsRead>(client.db, answer));
}

Value Pipeline::stats(TimePoint now) const {
  const auto number = [](auto value) { return Value{static_cast<std::int64_t>(value)}; };
  Value::Map sidecar;
#define PANNIER_COUNTER(name, text) sidecar.push_back({#name, number(core_.book.name)});
#include "policies/counters.def"
  Value::Map tiers;
  for (const auto& [name, counters] : core_.book.tiers) {
    tiers.push_back({name, {tier_stats(counters)}});
  }
  const auto& refusal = core_.replay.refusal;
  const bool acked = core_.copies.acked(0) != TimePoint{};  // Else there was no Redis yet.
  Value::Map state{{"upstream", {std::string(state_name(core_.upstream))}},
                   {"breaker", {std::string(breaker_name(core_))}},
                   {"mode", {setting_text(core_.mode)}},
                   {"mode_from", {core_.mode_from}},
                   {"journal", number(core_.journal.size())},
                   {"journal_refused", refusal.empty() ? Value{} : Value{refusal}},
                   {"clients", number(core_.clients.size())},
                   {"conversations", number(core_.running.size())},
                   {"leases", number(core_.leases.size())},
                   {"waiting", number(core_.leases.waiting())},
                   {"open_misses", number(core_.misses.size())},
                   {"generations_known", number(core_.generations.size())},
                   {"bans", number(core_.bans.size())},
                   {"memory_keys", number(core_.memory.size())},
                   {"memory_bytes", number(core_.memory.bytes())},
                   {"coherence", {std::string(core_.coherence())}},
                   {"local_keys", number(core_.copies.size())},
                   {"local_bytes", number(core_.copies.bytes())},
                   {"local_evictions", number(core_.copies.evictions())},
                   {"lane_silent_ms", acked ? Value{ms(now - core_.copies.acked(0))} : Value{}}};
  return {Value::Map{{"state", {std::move(state)}},
                     {"sidecar", {std::move(sidecar)}},
                     {"totals", {totals(core_)}},
                     {"tiers", {std::move(tiers)}},
                     {"loaders", load_report(core_)},
                     {"inconsistent", {inconsistent(core_)}},
                     {"audit", {audit(core_)}}}};
}

}  // namespace pannier::policies
