#include "policies/request.hpp"

#include <algorithm>

#include "protocol/reply.hpp"

namespace pannier::policies {

const KeyUse& Request::ruled_key() const {
  const auto at =
      std::find_if(keys.begin(), keys.end(), [](const KeyUse& use) { return bool(use.match); });
  return at == keys.end() ? keys.front() : *at;
}

bool Request::renames() const {
  return std::any_of(keys.begin(), keys.end(),
                     [](const KeyUse& use) { return !use.upstream.empty(); });
}

SubjectRef Request::subject(const KeyUse& use, const Core& core) const {
  auto subject = std::make_shared<Subject>();
  subject->rule = RuleRef(core.rules, use.match.rule);
  subject->db = client.multi_db.value_or(client.db);
  subject->client_key = client_key(use);
  subject->key = upstream_key(use);
  subject->table_key = table_key(subject->db, subject->key);
  subject->tags = core.rules->tags(use.match);
  subject->dates = RuleSet::dates(use.match);
  subject->version = use.version;
  subject->version_of = use.version_of;
  subject->life = life_of(*use.match.rule->tier, subject->client_key);
  return subject;
}

std::string_view Request::wire(std::string& storage) const {
  if (!renames()) return command.wire;
  storage.clear();
  protocol::append_command(storage, args().size());
  auto use = keys.begin();
  for (std::uint32_t i = 0; i < args().size(); ++i) {
    const bool is_key = use != keys.end() && use->position == i;
    protocol::append_bulk(storage, is_key ? upstream_key(*use) : args()[i]);
    if (is_key) ++use;
  }
  return storage;
}

}  // namespace pannier::policies
