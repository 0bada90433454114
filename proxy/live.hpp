#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "policies/audit.hpp"
#include "policies/verdict.hpp"
#include "proxy/admin_request.hpp"
#include "proxy/live_filter.hpp"
#include "proxy/loop.hpp"

namespace pannier::proxy {

class LiveSubscriber;
class Server;

/// /live: WebSockets that are told of every invalidation that concerns them, whichever sidecar made
/// it, and of every value that is stored through this one under a tag they have asked for:
///
///     {"type":"invalidate","tags":["tenant:7"],"soft":false,"at_ms":1795000000000,"count":3}
///     {"type":"update","key":"order:1","tags":["tenant:7"],"at_ms":...}
///     {"type":"lost","at_ms":...}      something may have happened unheard: read everything anew
///
/// Of other sidecars' invalidations it hears by upstream's pushes: of the tags that somebody has
/// asked for, and of all that are no tags. At most 100 subscribers; one that does not read is
/// closed.
class Live {
 public:
  static constexpr std::size_t most_subscribers = 100;

  explicit Live(Server& server);
  ~Live();

  /// Answers the handshake `head` and keeps the socket. \returns what is wrong; then leaves it.
  std::optional<Refusal> subscribe(Socket& socket, const RequestHead& head);
  std::size_t subscribers() const { return subscribers_.size(); }
  void stop();

 private:
  friend class LiveSubscriber;
  void left(const LiveSubscriber* subscriber);
  void watch();
  void tell(const policies::AuditRecord& record);
  void tell(const policies::Change& change);

  Server& server_;
  std::vector<std::shared_ptr<LiveSubscriber>> subscribers_;
  bool stopped_ = false;
};

}  // namespace pannier::proxy
