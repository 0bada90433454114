#include "policies/fleet_lease.hpp"

#include <algorithm>

#include "policies/scripts.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies::fleet_lease {

namespace {

std::string record(std::string_view key) { return std::string(key_prefix).append(key); }

std::string in_ms(microseconds time) {
  const auto ms = std::chrono::duration_cast<milliseconds>(time).count();
  return std::to_string(std::max<std::int64_t>(ms, 1));
}

class Aside final : public Exchange {
 public:
  void settle(std::size_t, std::string_view, Core&) override {}
  void fail(std::string_view, Core&) override {}
};

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

void append_ours(std::string& wire, std::string_view key, std::string_view token,
                 std::string_view time) {
  protocol::append_command(wire, {"EVAL", scripts::hold_lease, "1", record(key), token, time});
}

}  // namespace

std::uint32_t append_claim(std::string& wire, std::string_view key, std::string_view token,
                           microseconds time, bool tracks) {
  const auto name = record(key);
  protocol::append_command(wire, {"SET", name, token, "NX", "PX", in_ms(time)});
  if (tracks) protocol::append_command(wire, {"CLIENT", "CACHING", "YES"});
  protocol::append_command(wire, {"PTTL", name});
  return tracks ? 3 : 2;
}

void append_release(std::string& wire, std::string_view key, std::string_view token) {
  append_ours(wire, key, token, "0");
}

void append_extension(std::string& wire, std::string_view key, std::string_view token,
                      microseconds time) {
  append_ours(wire, key, token, in_ms(time));
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

void release(Core& core, const Subject& subject, std::string_view token) {
  if (token.empty() || core.upstream != Core::UpstreamState::up) return;
  std::string wire;
  append_release(wire, subject.key, token);
  core.send({Link::Kind::lane, subject.db, 0}, wire, 1, std::make_unique<Aside>());
}

void extend(Core& core, const Subject& subject, std::string_view token, microseconds time) {
  if (token.empty() || core.upstream != Core::UpstreamState::up) return;
  std::string wire;
  append_extension(wire, subject.key, token, time);
  core.send({Link::Kind::lane, subject.db, 0}, wire, 1, std::make_unique<Aside>());
}

void claim_behind(Core& core, const SubjectRef& subject) {
  const auto token = core.new_token();
  const auto time = core.learning.lease_time(subject->rule->settings->name);
  std::string wire;
  protocol::append_command(wire, {"SET", record(subject->key), token, "NX", "PX", in_ms(time)});
  core.send({Link::Kind::lane, subject->db, 0}, wire, 1,
            std::make_unique<ClaimBehind>(subject, token));
}

}  // namespace pannier::policies::fleet_lease
