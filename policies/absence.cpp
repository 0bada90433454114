#include "policies/absence.hpp"

#include <functional>

#include "policies/fleet_lease.hpp"
#include "policies/scripts.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies::absence {

namespace {

std::string record(std::string_view key) { return std::string(key_prefix).append(key); }

/// Another query, as after a reload, may find something.
std::string name_of(const OriginSettings& origin) {
  std::string all = origin.sql + '\0' + std::to_string(static_cast<int>(origin.result));
  for (const auto& param : origin.params) {
    all += '\0' + param.value + '\0' + std::to_string(static_cast<int>(param.type));
  }
  return std::to_string(std::hash<std::string>{}(all));
}

}  // namespace

bool note(Core& core, const Subject& subject, ServerTime began, milliseconds time) {
  if (!core.needs_fleet(subject) || time.count() <= 0) return false;
  const auto token = core.leases.drop_token(subject.table_key);
  if (token.empty()) return false;
  const auto text =
      name_of(*subject.rule->origin) + ' ' + std::to_string(began.time_since_epoch().count());
  std::string wire;
  protocol::append_command(wire,
                           {"EVAL", scripts::note_absent, "2", fleet_lease::record(subject.key),
                            record(subject.key), token, text, std::to_string(time.count())});
  core.send({Link::Kind::lane, subject.db, 0}, wire, 1, std::make_unique<Unheeded>());
  return true;
}

void append_question(std::string& wire, std::string_view key) {
  protocol::append_command(wire, {"GET", record(key)});
}

std::optional<ServerTime> began_of(std::string_view reply, const OriginSettings& origin) {
  const auto answer = protocol::ReplyReader(reply).next();
  const auto space = answer.text.find(' ');
  if (answer.error() || answer.null || space == answer.text.npos) return std::nullopt;
  if (answer.text.substr(0, space) != name_of(origin)) return std::nullopt;
  const auto at = protocol::to_integer(answer.text.substr(space + 1));
  return at ? std::optional(ServerTime(milliseconds(*at))) : std::nullopt;
}

bool counts(ServerTime began, const Subject& subject, const Core& core) {
  const auto newest = core.newest(subject);
  return newest.complete && newest.after(began) == began;
}

void forget(Core& core, const std::string& table_key) {
  core.origin_memory.forget(table_key);
  if (core.rules->settings().origins == nullptr) return;
  if (core.upstream != Core::UpstreamState::up) return;
  const auto key = std::string_view(table_key).substr(table_key_prefix);
  Match match;
  core.rules->find_upstream(key, match);
  if (!match || match.rule->origin == nullptr || core.from_memory(match.rule)) return;
  std::string wire;
  protocol::append_command(wire, {"UNLINK", record(key), fleet_lease::record(key)});
  core.send({Link::Kind::lane, db_of(table_key), 0}, wire, 1, std::make_unique<Unheeded>());
}

}  // namespace pannier::policies::absence
