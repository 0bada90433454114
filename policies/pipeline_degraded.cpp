// Reads while upstream is away: what a tier with stale_if_error still answers.

#include <algorithm>

#include "policies/journal_replay.hpp"
#include "policies/outdated_copies.hpp"
#include "policies/pipeline.hpp"
#include "policies/served_versions.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

using protocol::Access;
using protocol::Value;
using protocol::Verb;

std::optional<Verdict> Pipeline::answer_outdated(Request& request) {
  const bool is_get = request.spec.verb == Verb::get, is_mget = request.spec.verb == Verb::mget;
  if (request.spec.access != Access::read || !(is_get || is_mget || keeps_reply(request))) {
    return std::nullopt;
  }
  const bool all_may = std::ranges::all_of(request.keys, [](const KeyUse& use) {
    return use.match && use.match.rule->serves_outdated();
  });
  if (!all_may || !name_by_known_versions(request)) return std::nullopt;
  const auto& client = request.client;
  std::vector<SubjectRef> subjects;
  for (const auto& use : request.keys) {
    // What it asked before may yet be answered with something newer.
    const bool is_busy =
        client.open > 0 && (client.busy & LocalCopies::bit(request.upstream_key(use))) != 0;
    if (is_busy) return std::nullopt;
    subjects.push_back(request.subject(use, core_));
  }
  std::optional<std::string> reply;
  if (is_mget) {
    std::vector<const Subject*> keys;
    for (const auto& subject : subjects) keys.push_back(subject.get());
    reply = outdated_values(core_, keys);
  } else {
    reply = outdated_reply(request, *subjects.front());
    if (reply) count_outdated(subjects.front()->counters(), 1);
  }
  if (!reply) return std::nullopt;
  for (const auto& subject : subjects) ++subject->counters().reads;
  see_versions(request);
  return answer(std::move(*reply));
}

std::optional<std::string> Pipeline::outdated_reply(const Request& request,
                                                    const Subject& subject) {
  const bool is_get = request.spec.verb == Verb::get;
  std::string reply;
  if (!is_get) {
    const auto value = outdated_copy(core_, subject, {});
    if (value && derive(request, *value, reply)) return reply;
  }
  const auto copy = outdated_copy(core_, subject, is_get ? std::string() : question_of(request));
  if (!copy) return std::nullopt;
  const bool is_3 = request.client.resp == protocol::Resp::v3;
  if (is_3 || copy->starts_with('$')) return std::string(*copy);
  if (!protocol::converts(request.spec, request.args())) return std::nullopt;
  protocol::append_as_resp2(reply, *copy);
  return reply;
}

bool Pipeline::name_by_known_versions(Request& request) const {
  for (auto& use : request.keys) {
    const auto& rule = *use.match.rule->settings;
    if (rule.version.mode == VersionMode::none) continue;
    const auto* version = core_.versions.find(version_name(rule));
    if (version == nullptr) return false;
    if (!name_version(core_, request, use, *version)) return false;
  }
  return true;
}

std::optional<Verdict> Pipeline::await_replay() {
  if (!awaits_replay(core_)) return std::nullopt;
  auto refusal = replay_refusal(core_);
  if (refusal.empty()) return Hold{};
  return answer(std::move(refusal));
}

std::string_view breaker_name(const Core& core) {
  if (core.upstream != Core::UpstreamState::down) return "closed";
  return core.reconnecting || core.probing ? "half_open" : "open";
}

Value::Map Pipeline::explain_away(const Subject& subject) {
  const auto& rule = *subject.rule;
  const bool has_copy = outdated_copy(core_, subject, {}).has_value();
  std::string next = rule.tier->on_down == OnDown::miss ? "nil" : "error";
  if (has_copy) next = "value of before upstream was lost (stale_if_error)";
  return {{"key", {subject.client_key}},
          {"upstream_key", {subject.key}},
          {"rule", {rule.settings->name}},
          {"tier", {rule.tier->name}},
          {"upstream", {std::string(state_name(core_.upstream))}},
          {"on_down", {setting_text(rule.tier->on_down)}},
          {"stale_if_error_ms", {rule.tier->stale_if_error.count()}},
          {"state", {has_copy ? "stale_on_error" : "unknown"}},
          {"next_get", {std::move(next)}}};
}

}  // namespace pannier::policies
