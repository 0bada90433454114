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

std::shared_ptr<Subject> make_subject(const Core& core, const Match& match, std::uint32_t db,
                                      std::string_view client_key, std::string_view upstream_key) {
  auto subject = std::make_shared<Subject>();
  subject->rule = RuleRef(core.rules, match.rule);
  subject->db = db;
  subject->client_key = client_key;
  subject->key = upstream_key;
  subject->table_key = table_key(db, upstream_key);
  subject->tags = core.rules->tags(match);
  subject->dates = RuleSet::dates(match);
  subject->life = life_of(*match.rule->tier, client_key, match, core.server_floor());
  return subject;
}

SubjectRef Request::subject(const KeyUse& use, const Core& core) const {
  auto subject = make_subject(core, use.match, client.multi_db.value_or(client.db), client_key(use),
                              upstream_key(use));
  subject->version = use.version;
  subject->version_of = use.version_of;
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
