#include "policies/fleet_lease.hpp"

#include <algorithm>

#include "policies/scripts.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies::fleet_lease {

namespace {

/// Before the time at which a load began that has found nothing; a token has a colon.
constexpr std::string_view none = "none ";

std::string record(std::string_view key) { return std::string(key_prefix).append(key); }

std::string in_ms(microseconds time) {
  const auto ms = std::chrono::duration_cast<milliseconds>(time).count();
  return std::to_string(std::max<std::int64_t>(ms, 1));
}

class ClaimBehind final : public Exchange {
 public:
  ClaimBehind(SubjectRef subject, std::string token)
      : subject_(std::move(subject)), token_(std::move(token)) {}

  void settle(std::size_t, std::string_view reply, Core& core) override {
    protocol::ReplyReader reader(reply);
    if (reader.next().text != "OK") return;
    // The load may have ended meanwhile.
    if (!core.leases.take_token(subject_->table_key, token_)) release(core, *subject_, token_);
  }
  void fail(std::string_view, Core&) override {}

 private:
  SubjectRef subject_;
  std::string token_;
};

/// The others know now that there is nothing to load, unless the lease was not ours any more.
class AbsenceNote final : public Exchange {
 public:
  explicit AbsenceNote(std::string table_key) : key_(std::move(table_key)) {}

  void settle(std::size_t part, std::string_view reply, Core& core) override {
    if (part > 0) return;
    if (reply != ":1\r\n") return core.origin_memory.pushed(key_);
    if (core.tracks) core.origin_memory.expect_push(key_);
  }
  void fail(std::string_view, Core&) override {}

 private:
  std::string key_;
};

void append_take(std::string& wire, std::string_view key, std::string_view token,
                 microseconds time) {
  protocol::append_command(wire, {"SET", record(key), token, "NX", "PX", in_ms(time)});
}

/// \param time 0: not at all.
void append_hold(std::string& wire, std::string_view key, std::string_view token,
                 microseconds time) {
  const auto ms = time.count() == 0 ? "0" : in_ms(time);
  protocol::append_command(wire, {"EVAL", scripts::hold_lease, "1", record(key), token, ms});
}

}  // namespace

std::uint32_t append_claim(std::string& wire, std::string_view key, std::string_view token,
                           microseconds time, bool tracks) {
  append_take(wire, key, token, time);
  if (tracks) protocol::append_command(wire, {"CLIENT", "CACHING", "YES"});
  protocol::append_command(wire, {"PTTL", record(key)});
  protocol::append_command(wire, {"GET", record(key)});
  return tracks ? 4 : 3;
}

void append_release(std::string& wire, std::string_view key, std::string_view token) {
  append_hold(wire, key, token, microseconds(0));
}

void Claim::settle(std::size_t part, std::string_view reply) {
  protocol::ReplyReader reader(reply);
  const auto answer = reader.next();
  if (part == 0) {
    won_ = !answer.null;
    if (answer.error()) token_.clear();
  } else if (part == (tracks_ ? 2u : 1u) && answer.kind == ':') {
    taken_for_ = milliseconds(std::max<std::int64_t>(answer.number, 0));
  } else if (part == (tracks_ ? 3u : 2u)) {
    record_ = answer.text;
  }
}

std::optional<ServerTime> Claim::absent_since() const {
  if (!record_.starts_with(none)) return std::nullopt;
  const auto at = protocol::to_integer(std::string_view(record_).substr(none.size()));
  return at ? std::optional(ServerTime(milliseconds(*at))) : std::nullopt;
}

void hold(Core& core, const Subject& subject, std::string_view token, microseconds time) {
  if (token.empty() || core.upstream != Core::UpstreamState::up) return;
  std::string wire;
  append_hold(wire, subject.key, token, time);
  core.send({Link::Kind::lane, subject.db, 0}, wire, 1, std::make_unique<Unheeded>());
}

void release(Core& core, const Subject& subject, std::string_view token) {
  hold(core, subject, token, microseconds(0));
}

void note_absent(Core& core, const Subject& subject, std::string_view token, ServerTime began,
                 milliseconds time) {
  if (time.count() <= 0) return release(core, subject, token);
  if (token.empty() || core.upstream != Core::UpstreamState::up) return;
  const auto text = std::string(none) + std::to_string(began.time_since_epoch().count());
  std::string wire;
  protocol::append_command(wire, {"EVAL", scripts::note_absent, "1", record(subject.key), token,
                                  text, std::to_string(time.count())});
  std::uint32_t replies = 1;
  if (core.tracks) {  // With the push of this change upstream forgets that we ask for such.
    protocol::append_command(wire, {"CLIENT", "CACHING", "YES"});
    protocol::append_command(wire, {"PTTL", record(subject.key)});
    replies += 2;
  }
  core.send({Link::Kind::lane, subject.db, 0}, wire, replies,
            std::make_unique<AbsenceNote>(subject.table_key));
}

void forget(Core& core, const Rule& rule, std::uint32_t db, std::string_view key) {
  const bool is_up = core.upstream == Core::UpstreamState::up && !core.from_memory(&rule);
  if (rule.origin == nullptr || !rule.fleet() || !is_up) return;
  std::string wire;
  protocol::append_command(wire, {"UNLINK", record(key)});
  core.send({Link::Kind::lane, db, 0}, wire, 1, std::make_unique<Unheeded>());
}

void claim_behind(Core& core, const SubjectRef& subject) {
  const auto token = core.new_token();
  const auto time = core.lease_time(*subject->rule);
  std::string wire;
  append_take(wire, subject->key, token, time);
  core.send({Link::Kind::lane, subject->db, 0}, wire, 1,
            std::make_unique<ClaimBehind>(subject, token));
}

}  // namespace pannier::policies::fleet_lease
