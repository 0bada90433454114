// What operators do to versions; and the removal of what nobody may read any more.

#include <algorithm>

#include "policies/key_sweep.hpp"
#include "policies/pipeline.hpp"
#include "policies/reply_names.hpp"
#include "policies/scripts.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

namespace {

/// So long after the end of a grace somebody still looks whether the keys were removed, and so long
/// upstream remembers that they were.
constexpr milliseconds sweep_within = std::chrono::hours(24), sweep_known = std::chrono::hours(168);
constexpr std::string_view sweep_prefix = "pn:vp:";

constexpr milliseconds sweep_pause = seconds(10);  ///< Until a removal that failed is tried again.

std::string claim_key(const std::string& name, std::uint64_t current) {
  return std::string(sweep_prefix) + name + ':' + std::to_string(current);
}

/// It was not done: somebody may try again.
void sweep_failed(Core& core, const std::string& name, std::uint64_t current) {
  core.versions.sweep_failed(name, core.server_floor() + sweep_pause);
  if (core.upstream == Core::UpstreamState::down) return;  // The record ends by itself.
  std::string wire;
  protocol::append_command(wire, {"DEL", claim_key(name, current)});
  core.send(core.lane(0, nullptr), wire, 1, std::make_unique<Unheeded>());
}

/// Removes what a bump left behind: keys of versions before `current`.
void sweep_versions(const Rule& rule, std::uint64_t current, Link lane, Core& core) {
  const bool is_transparent = rule.settings->version.mode == VersionMode::transparent;
  const auto is_older = [rules = core.rules, number = rule.number, is_transparent,
                         current](std::string_view key) {
    const auto split = split_version(key);
    if (!split || split->second >= current) return false;
    Match match;
    rules->find(is_transparent ? split->first : key, match);
    return match && match.rule->number == number;
  };
  const auto done = [name = version_name(*rule.settings), current](
                        std::uint64_t removed, std::string_view error, Core& at_end) {
    at_end.book.keys_purged += removed;
    if (!error.empty()) sweep_failed(at_end, name, current);
  };
  for (const auto& pattern : rule.settings->match) {
    KeySweep::start(lane, pattern.as_glob() + (is_transparent ? ":v*" : ""), is_older, done, core);
  }
}

/// Of all sidecars one removes the keys.
class SweepClaim final : public Exchange {
 public:
  SweepClaim(std::string name, std::uint64_t current) : name_(std::move(name)), current_(current) {}
  void settle(std::size_t, std::string_view reply, Core& core) override {
    if (reply != "+OK\r\n") return;
    const auto rules = core.rules;
    for (const auto& rule : rules->rules()) {
      if (rule.settings->version.mode == VersionMode::none) continue;
      if (version_name(*rule.settings) != name_) continue;
      for (std::uint32_t db = 0; db < std::max(core.copies.lanes(), 1u); ++db) {
        sweep_versions(rule, current_, core.lane(db, nullptr), core);
      }
    }
  }
  void fail(std::string_view, Core& core) override {
    core.versions.sweep_failed(name_, core.server_floor() + sweep_pause);
  }

 private:
  std::string name_;
  std::uint64_t current_;
};

class RecordChange final : public Exchange {
 public:
  RecordChange(Ticket ticket, std::string name, VersionChange::What what)
      : ticket_(ticket), name_(std::move(name)), what_(what) {}
  void settle(std::size_t, std::string_view reply, Core& core) override {
    protocol::ReplyReader reader(reply);
    const auto record = reader.next();
    if (record.error()) return core.reply(ticket_, reply);
    core.versions.learn(name_, record.text);
    if (what_ != VersionChange::What::raise) return core.reply(ticket_, "+OK\r\n");
    ++core.book.version_bumps;
    const auto* version = core.versions.find(name_);
    core.reply(ticket_,
               protocol::integer_reply(version ? static_cast<std::int64_t>(version->current) : 0));
  }
  void fail(std::string_view error, Core& core) override { core.reply(ticket_, error); }

 private:
  Ticket ticket_;
  std::string name_;
  VersionChange::What what_;
};

}  // namespace

void Pipeline::change_version(Client& client, std::string_view name, VersionChange change,
                              TimePoint now) {
  const Call call(*this, now);
  const Ticket ticket{client.id, client.next};
  const auto* version = core_.versions.find(name);
  const auto lane = core_.lane(0, nullptr);
  core_.begin(client, lane);
  if (version == nullptr) {
    return core_.reply(ticket, protocol::error_reply("ERR pannier: no rule has a version named '" +
                                                     std::string(name) +
                                                     "' (see PANNIER VERSION LIST); not executed"));
  }
  const bool is_transparent = std::ranges::any_of(core_.rules->rules(), [&](const Rule& rule) {
    return rule.settings->version.mode == VersionMode::transparent &&
           version_name(*rule.settings) == name;
  });
  if (change.what == VersionChange::What::weigh && !is_transparent) {
    return core_.reply(ticket, protocol::error_reply(
                                   "ERR pannier: the keys of '" + std::string(name) +
                                   "' name their version themselves, so weights cannot choose it; "
                                   "not executed"));
  }
  const auto grace = change.grace.count() < 0 ? version->grace : change.grace;
  std::string wire;
  protocol::append_command(
      wire, {"EVAL", scripts::change_version, "1",
             std::string(KeyVersions::key_prefix) + std::string(name), name_of(change.what),
             std::to_string(change.version), std::to_string(grace.count()),
             std::to_string(version->current),
             std::to_string(std::max(version->newest(), change.top)), change.weights});
  core_.send(lane, wire, 1, std::make_unique<RecordChange>(ticket, std::string(name), change.what));
}

void Pipeline::bump_version(Client& client, std::string_view name,
                            std::optional<milliseconds> grace, TimePoint now) {
  VersionChange change;
  change.grace = grace.value_or(milliseconds(-1));
  change_version(client, name, std::move(change), now);
}

void Pipeline::weigh_version(Client& client, std::string_view name, const VersionWeights& weights,
                             TimePoint now) {
  VersionWeights used;
  std::ranges::copy_if(weights, std::back_inserter(used),
                       [](const VersionWeight& one) { return one.weight > 0; });
  VersionChange change;
  change.what = VersionChange::What::weigh;
  change.version = used.front().version;
  change.top = used.back().version;
  change.grace = milliseconds(-1);
  if (used.size() > 1) change.weights = weights_text(used, ':', ',');
  change_version(client, name, std::move(change), now);
}

void Pipeline::pin_version(Client& client, std::string_view name,
                           std::optional<std::uint64_t> version, TimePoint now) {
  VersionChange change;
  change.what = version ? VersionChange::What::pin : VersionChange::What::unpin;
  change.version = version.value_or(0);
  change.grace = milliseconds(-1);
  change_version(client, name, std::move(change), now);
}

void Pipeline::sweep_old_versions() {
  const auto now = core_.server_floor();
  for (const auto& [name, version] : core_.versions.all()) {
    const auto end = version.bumped_at + version.grace;
    const bool is_due = version.known && version.bumped_at != ServerTime{} && now >= end &&
                        version.swept < version.current && now >= version.sweep_after;
    if (!is_due || core_.upstream == Core::UpstreamState::down) continue;
    core_.versions.sweeping(name, version.current);
    if (version.previous == 0 || now > end + sweep_within) continue;
    std::string wire;
    protocol::append_command(wire, {"SET", claim_key(name, version.current), core_.name, "NX", "PX",
                                    std::to_string(sweep_known.count())});
    core_.send(core_.lane(0, nullptr), wire, 1,
               std::make_unique<SweepClaim>(name, version.current));
  }
}

}  // namespace pannier::policies
