// Which version of a key a request is about, and what that means for it.

#include <algorithm>

#include "policies/other_versions.hpp"
#include "policies/pipeline.hpp"
#include "policies/served_versions.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

using protocol::Access;
using protocol::Verb;

namespace {

/// A name that no key has: what the sidecar keeps upstream begins like it, and never is it.
constexpr std::string_view absent_key = "pn:absent";

}  // namespace

std::optional<Verdict> Pipeline::apply_versions(Request& request) {
  for (auto& use : request.keys) {
    if (!use.match) continue;
    const auto& rule = *use.match.rule->settings;
    if (rule.version.mode == VersionMode::none) continue;
    const auto* version = core_.versions.find(version_name(rule));
    if (version == nullptr) continue;
    if (!version->known && !core_.from_memory(use.match.rule)) {
      // To guess a version could serve data from before a bump. Until upstream has said which one
      // it is the request waits, and fails with upstream.
      const bool is_down = core_.upstream == Core::UpstreamState::down && !core_.reconnecting;
      if (is_down) return answer_down(request, use);
      if (version->problem.empty()) return Hold{};
      std::string refusal;
      protocol::append_error(refusal, "ERR pannier: the version of '" + version_name(rule) +
                                          "' cannot be read (" + version->problem +
                                          "); not executed");
      return answer(std::move(refusal));
    }
    if (name_version(core_, request, use, *version)) continue;
    // A retired version.
    if (request.spec.verb == Verb::get && !request.client.is_pinned()) {
      std::string null;
      protocol::append_null(null, request.client.resp);
      return answer(std::move(null));
    }
    if (request.spec.access == Access::read) {
      use.upstream = absent_key;
      use.match.rule = nullptr;
      continue;
    }
    std::string refusal;
    protocol::append_error(refusal, "ERR pannier: version " +
                                        std::to_string(use.match.version().value_or(0)) + " of '" +
                                        version_name(rule) + "' is retired (current is " +
                                        std::to_string(version->current) + "); not executed");
    return answer(std::move(refusal));
  }
  return std::nullopt;
}

void Pipeline::use_versions(const Request& request) {
  see_versions(request);
  if (request.spec.access == Access::read || !core_.rules->renames()) return;
  const auto verb = request.spec.verb;
  const bool removes = verb == Verb::del || verb == Verb::unlink || verb == Verb::getdel;
  std::vector<std::string> others;
  for (const auto& use : request.keys) {
    if (use.match && use.version > 0) {
      add_other_versions(core_, others, request.client_key(use), *use.match.rule, use.version,
                         removes);
    }
  }
  end_other_versions(core_, request.client.multi_db.value_or(request.client.db), others, removes);
}

}  // namespace pannier::policies
