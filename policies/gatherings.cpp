#include "policies/gatherings.hpp"

#include <utility>

#include "policies/core.hpp"

namespace pannier::policies {

void Gatherings::begin(Core& core, ClientId client, std::uint32_t db,
                       const std::vector<std::string>& keys, bool is_urgent, Done done) {
  const auto id = next_++;
  auto& gathering = open_[id];
  gathering.client = client;
  gathering.replies.assign(keys.size(), "_\r\n");
  gathering.done = std::move(done);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (core.effects.fetch({id, i, db, keys[i], is_urgent})) {
      ++gathering.awaited;
    } else {
      gathering.replies[i] =
          "-ERR pannier: too many keys are being loaded at once; not executed\r\n";
    }
  }
  if (gathering.awaited > 0) return;
  const auto ready = std::move(gathering);
  open_.erase(id);
  ready.done(ready.replies, core);
}

void Gatherings::fetched(const KeyFetch& fetch, std::string_view reply, Core& core) {
  const auto at = open_.find(fetch.gathering);
  if (at == open_.end()) return;
  auto& gathering = at->second;
  gathering.replies[fetch.place] = reply;
  if (--gathering.awaited > 0) return;
  const auto ready = std::move(gathering);
  open_.erase(at);
  ready.done(ready.replies, core);
}

void Gatherings::forget(ClientId client) {
  std::erase_if(open_, [client](const auto& one) { return one.second.client == client; });
}

}  // namespace pannier::policies
