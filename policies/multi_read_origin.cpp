// Keys of an MGET that their origins are asked for.

#include "policies/multi_read.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies {

void MultiRead::gather(std::string out, Gathered gathered, const Client& client, Core& core) const {
  const auto db = parts_.front().check.subject().db;
  core.gatherings.begin(core, ticket_.client, db, gathered.keys, true,
                        [ticket = ticket_, out = std::move(out), places = gathered.places,
                         resp = client.resp_of(ticket_.number)](
                            const std::vector<std::string>& replies, Core& later) {
                          std::string whole;
                          std::size_t from = 0;
                          for (std::size_t i = 0; i < places.size(); ++i) {
                            whole.append(out, from, places[i] - from);
                            from = places[i];
                            const auto value = protocol::ReplyReader(replies[i]).next();
                            if (value.error()) return later.reply(ticket, replies[i]);
                            value.null ? protocol::append_null(whole, resp)
                                       : protocol::append_bulk(whole, value.text);
                          }
                          later.reply(ticket, whole.append(out, from));
                        });
}

}  // namespace pannier::policies
