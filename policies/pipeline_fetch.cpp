// Keys that the sidecar reads itself, so that their origins are asked before a client needs them.

#include "policies/pipeline.hpp"
#include "policies/read_flight.hpp"

namespace pannier::policies {

namespace {

/// A key that starts others does so again after so long, however often it is read.
constexpr seconds prefetch_pause{1};

}  // namespace

void Pipeline::fetch(Client& client, const KeyFetch& fetch, TimePoint now) {
  const Call call(*this, now);
  const Ticket ticket{client.id, client.next};
  client.db = fetch.db;
  Match match;
  core_.rules->find(fetch.key, match);
  if (!match || match.rule->never() || match.rule->asks() == nullptr) {
    return core_.effects.deliver(ticket, "_\r\n");
  }
  const bool is_away = core_.upstream != Core::UpstreamState::up;
  if (is_away && !core_.from_memory(match.rule)) {
    return core_.effects.deliver(ticket, core_.down_error);
  }
  const auto subject =
      make_subject(core_, match, fetch.db, fetch.key, core_.upstream_key(fetch.key, match));
  ReadFlight::restart(subject, {{ticket, now, now}}, core_);
}

void Pipeline::fetched(const KeyFetch& fetch, std::string_view reply, TimePoint now) {
  const Call call(*this, now);
  core_.gatherings.fetched(fetch, reply, core_);
}

void Pipeline::table_answered(std::uint64_t call, const TableOutcome& outcome, TimePoint now) {
  const Call bracket(*this, now);
  core_.tables.answered(call, outcome, core_);
}

void Pipeline::note_read(const Match& match, std::string_view key, const Client& client) {
  const auto& rule = *match.rule;
  if (core_.wants_hot && rule.origin && client.db == core_.rules->settings().upstream_db) {
    core_.hot.note(key);
  }
  if (rule.settings->prefetch.empty()) return;
  const auto table = table_key(client.db, key);
  if (core_.prefetched.holds(table, core_.now)) return;
  core_.prefetched.hold(table, core_.now, core_.now + prefetch_pause);
  for (const auto& other : rule.settings->prefetch) {
    core_.effects.fetch({0, 0, client.db, filled_tag(other, match), false});
  }
}

}  // namespace pannier::policies
