#include "policies/fleet_lease.hpp"

#include <algorithm>

#include "policies/scripts.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies::fleet_lease {

std::string record(std::string_view key) { return std::string(key_prefix).append(key); }

namespace {

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
  return tracks ? 3 : 2;
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
  }
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

void claim_behind(Core& core, const SubjectRef& subject) {
  const auto token = core.new_token();
  const auto time = core.lease_time(*subject->rule);
  std::string wire;
  append_take(wire, subject->key, token, time);
  core.send({Link::Kind::lane, subject->db, 0}, wire, 1,
            std::make_unique<ClaimBehind>(subject, token));
}

}  // namespace pannier::policies::fleet_lease
