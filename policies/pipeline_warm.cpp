// Reads the keys of a set into local copies, or has their origins load them, before anybody asks.

#include <algorithm>

#include "policies/pipeline.hpp"
#include "policies/read_flight.hpp"
#include "policies/warm.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

using protocol::Value;

namespace {

/// `TIME` behind the reads, twice: the first reply comes behind theirs, the second behind what they
/// asked then, because of tags that a value has or of what was invalidated meanwhile.
class WarmEnd final : public Exchange {
 public:
  struct Set {
    std::string name;
    std::vector<SubjectRef> read;
    std::int64_t skipped = 0;  ///< Of rules without copies, or of none.
    std::int64_t unknown = 0;  ///< Of versions that are not known yet.
    std::int64_t loaded = 0;   ///< By their origins, or there already.
    std::int64_t empty = 0;    ///< Their origins have none.
    std::int64_t failed = 0;
  };
  WarmEnd(Ticket ticket, Link lane, Set set, bool again)
      : ticket_(ticket), lane_(lane), set_(std::move(set)), again_(again) {}

  static void send(Ticket ticket, Link lane, Set set, bool again, Core& core) {
    std::string wire;
    protocol::append_command(wire, {"TIME"});
    core.send(lane, wire, 1, std::make_unique<WarmEnd>(ticket, lane, std::move(set), again));
  }

  void settle(std::size_t, std::string_view, Core& core) override {
    if (again_) return send(ticket_, lane_, std::move(set_), false, core);
    std::int64_t kept = set_.loaded;
    for (const auto& subject : set_.read) {
      const auto past_end = subject->rule->kept_past_end();
      kept += core.copies.look_at(subject->db, subject->key, core.now, past_end) ? 1 : 0;
    }
    const auto all =
        static_cast<std::int64_t>(set_.read.size()) + set_.unknown + set_.loaded + set_.empty;
    const auto* client = core.find(ticket_.client);
    if (client == nullptr) return;
    std::string out;
    Value{Value::Map{{"warm", {set_.name}},
                     {"kept", {kept}},
                     {"missing", {all - kept}},
                     {"skipped", {set_.skipped}},
                     {"failed", {set_.failed}}}}
        .append_to(out, client->resp);
    core.reply(ticket_, out);
  }
  void fail(std::string_view error, Core& core) override { core.reply(ticket_, error); }

 private:
  Ticket ticket_;
  Link lane_;
  Set set_;
  bool again_;
};

const WarmSettings* find_set(const Settings& settings, std::string_view name) {
  if (!settings.automation) return nullptr;
  for (const auto& set : settings.automation->warm) {
    if (set.name == name) return &set;
  }
  return nullptr;
}

}  // namespace

void Pipeline::warm(Client& client, std::string_view name, TimePoint now) {
  const Call call(*this, now);
  const Ticket ticket{client.id, client.next};
  const auto lane = core_.lane(client.db, nullptr);
  const bool in_memory = lane.kind == Link::Kind::memory;
  core_.begin(client, lane);
  const auto* set = find_set(core_.rules->settings(), name);
  if (set == nullptr) {
    return core_.reply(ticket, protocol::error_reply("ERR pannier: there is no warm set '" +
                                                     std::string(name) + "'; not executed"));
  }
  if (core_.upstream != Core::UpstreamState::up && !in_memory) {
    return core_.reply(ticket, protocol::error_reply(
                                   "ERR pannier: upstream is away, there is nothing to warm from; "
                                   "not executed"));
  }
  WarmEnd::Set reads;
  reads.name = set->name;
  std::vector<std::string> loads;
  auto keys = warm_keys(*set, date_of(core_.server_floor()));
  for (auto& key : core_.hot.top(set->hot.value)) {
    if (std::ranges::find(keys, key) == keys.end()) keys.push_back(std::move(key));
  }
  for (const auto& key : keys) {
    Match match;
    core_.rules->find(key, match);
    if (match && match.rule->asks() != nullptr && !match.rule->never()) {
      loads.push_back(key);
      continue;
    }
    if (!match || !match.rule->copies() || in_memory) {
      ++reads.skipped;
      continue;
    }
    const auto& rule = *match.rule->settings;
    const auto* version = core_.versions.find(version_name(rule));
    if (rule.version.mode != VersionMode::none && (version == nullptr || !version->known)) {
      ++reads.unknown;
      continue;
    }
    const SubjectRef subject =
        make_subject(core_, match, client.db, key, core_.upstream_key(key, match));
    // Nobody reads, so nobody is told to load what is missing.
    ReadFlight::start(subject, {}, core_);
    reads.read.push_back(subject);
  }
  core_.gatherings.begin(
      core_, client.id, client.db, loads, false,
      [ticket, lane, reads](const std::vector<std::string>& replies, Core& core) mutable {
        for (const auto& reply : replies) {
          const auto value = protocol::ReplyReader(reply).next();
          ++(value.error() ? reads.failed : value.null ? reads.empty : reads.loaded);
        }
        WarmEnd::send(ticket, lane, std::move(reads), true, core);
      });
}

}  // namespace pannier::policies
