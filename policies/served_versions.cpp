#include "policies/served_versions.hpp"

#include <algorithm>

#include "policies/test_bugs.hpp"

namespace pannier::policies {

namespace {

/// The sidecar's own keys begin with it.
constexpr std::string_view own_prefix = "pn:";

}  // namespace

std::uint64_t served_version(const Core& core, const Client& client, const RuleSettings& rule,
                             const KeyVersions::Version& version) {
  auto served = version.current;
  if (!version.shares().empty()) {
    // Numbers of connections begin with 1 in every sidecar.
    const auto& who =
        client.name.empty() ? core.name + '/' + std::to_string(client.id) : client.name;
    served = KeyVersions::version_for(version, version_name(rule), who);
  }
  return std::max(served, client.seen.newest(version.number));
}

bool name_version(const Core& core, const Request& request, KeyUse& use,
                  const KeyVersions::Version& version) {
  const auto& rule = *use.match.rule->settings;
  const auto& client = request.client;
  use.version_of = version.number;
  if (rule.version.mode == VersionMode::transparent) {
    use.version = served_version(core, client, rule, version);
    use.upstream = request.client_key(use);
    use.upstream += ":v" + std::to_string(use.version);
    return true;
  }
  const auto asked = use.match.version();
  if (!asked) return true;
  const auto standing = KeyVersions::standing(version, *asked, core.server_floor());
  // Who has seen the current one never sees an older one again.
  const bool goes_back =
      standing == KeyVersions::Standing::grace && client.seen.saw(version.number, version.current);
  if (standing == KeyVersions::Standing::retired || goes_back) return false;
  use.version = *asked;
  return true;
}

void see_versions(const Request& request) {
  for (const auto& use : request.keys) {
    if (use.version > 0) request.client.seen.note(use.version_of, use.version);
  }
}

SubjectRef version_before(const Core& core, const Subject& subject) {
  const auto& rule = *subject.rule->settings;
  if (subject.version == 0 || rule.version.fallback != Fallback::stale) return nullptr;
  if (subject.rule->finds_tags()) return nullptr;  // Nobody looks for the tags of that value.
  const auto* version = core.versions.find(version_name(rule));
  if (version == nullptr || version->current != subject.version ||
      !version->in_grace(core.server_floor())) {
    return nullptr;
  }
  auto before = std::make_shared<Subject>(subject);
  before->version = version->previous;
  before->key = subject.client_key + ":v" + std::to_string(version->previous);
  before->table_key = table_key(subject.db, before->key);
  return before;
}

bool may_see_before(const Core& core, ClientId id, const Subject& subject,
                    std::uint32_t own_waits) {
  const auto* client = core.find(id);
  if (client == nullptr) return false;
  const bool saw = client->seen.saw(subject.version_of, subject.version);
  return client->waits <= own_waits && (!saw || has(Bug::version_back));
}

bool falls_back(const Core& core, const Subject& subject, const Client& client) {
  return subject.version > 0 && may_see_before(core, client.id, subject, 0) &&
         version_before(core, subject) != nullptr;
}

void saw_version(const Core& core, ClientId id, const Subject& subject) {
  if (subject.version == 0) return;
  if (auto* client = core.find(id)) client->seen.note(subject.version_of, subject.version);
}

void fell_back(const Core& core, Ticket to, const Subject& before) {
  auto* client = core.find(to.client);
  if (client == nullptr) return;
  client->seen.fell_back(before.version_of, before.version, to.number);
  client->seen.note(before.version_of, before.version);
}

bool is_too_new(const Core& core, Ticket to, const Subject& subject) {
  if (subject.version == 0) return false;
  const auto* client = core.find(to.client);
  return client != nullptr &&
         client->seen.is_too_new(subject.version_of, subject.version, to.number);
}

std::optional<std::string_view> ClientNames::shown(std::string_view upstream) const {
  if (upstream.starts_with(own_prefix)) return std::nullopt;
  Match match;
  const auto is_transparent = [&](std::string_view key) {
    core_.rules->find(key, match);
    return match && match.rule->settings->version.mode == VersionMode::transparent;
  };
  if (const auto split = split_version(upstream); split && is_transparent(split->first)) {
    const auto& rule = *match.rule->settings;
    const auto* version = core_.versions.find(version_name(rule));
    const bool is_its =
        version != nullptr && served_version(core_, client_, rule, *version) == split->second;
    return is_its ? std::optional(split->first) : std::nullopt;
  }
  if (is_transparent(upstream)) return std::nullopt;  // No client can name it.
  return upstream;
}

std::string_view with_client_names(Core& core, Ticket to, std::string_view reply,
                                   std::string& storage) {
  const auto at = core.reply_names.find(to);
  if (at == core.reply_names.end()) return reply;
  const auto names = std::move(at->second);
  core.reply_names.erase(at);
  const auto* client = core.find(to.client);
  if (client == nullptr) return reply;
  names.append(storage, reply, ClientNames(core, *client));
  return storage;
}

}  // namespace pannier::policies
