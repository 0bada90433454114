#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policies/client.hpp"
#include "policies/invalidation.hpp"
#include "protocol/value.hpp"
#include "proxy/admin.hpp"
#include "proxy/admin_access.hpp"
#include "proxy/admin_aliases.hpp"
#include "proxy/admin_http.hpp"
#include "proxy/live.hpp"
#include "proxy/webhook_gate.hpp"

namespace pannier::proxy {

/// What the paths of the admin port lead to, and how often they were asked for.
class AdminRoutes {
 public:
  explicit AdminRoutes(Admin::Sources sources);

  /// An acceptable request: where it leads, whose it is, and over which alias it came.
  struct Admitted {
    Route route;
    AdminAccess::Caller caller;
    std::optional<AdminAliases::Used> alias;
  };
  /// Judges a request by its head.
  boost::system::result<Admitted, Refusal> admit(RequestHead head, policies::TimePoint now);
  /// What keeps the subscribers of /live.
  Live& live() { return live_; }
  /// Other tokens and aliases, for requests to come.
  void configure(const policies::AdminSettings& settings);

  /// The answer of a route that is not an action.
  Response look(Route::To to) const;

  /// Whether an event may be taken; its body has come.
  std::optional<Refusal> objection_to_event(const RequestHead& head, std::string_view body);
  void count(unsigned status) { ++requests_[status]; }
  void count_refused() { ++refused_; }
  const Admin::Sources& sources() const { return sources_; }

 private:
  std::string metrics() const;

  Admin::Sources sources_;
  AdminAccess access_;
  AdminAliases aliases_;
  Live live_;
  bool others_reach_it_ = false;  ///< It listens beyond loopback; there are tokens then.
  std::map<unsigned, std::uint64_t> requests_;
  std::uint64_t refused_ = 0;  ///< Connections beyond the limit.
  WebhookGate gate_;
};

/// One action under way. It is a client of the server from its beginning to its end; what is
/// answered after its end is lost.
class ActionCall {
 public:
  /// \param by the name of who asks; may be empty.
  /// \param wake called when a reply comes after run() has returned.
  ActionCall(const Admin::Sources& sources, std::string by, std::function<void()> wake);
  ~ActionCall();
  ActionCall(const ActionCall&) = delete;
  ActionCall& operator=(const ActionCall&) = delete;

  /// One of them, once.
  void run(const std::vector<std::string>& words);
  void run(policies::Invalidation what);
  /// GET of a key under a rule.
  void read(const std::string& key);
  /// A whole RESP3 reply; empty as long as there is none.
  const std::string& reply() const { return reply_; }

 private:
  void take(const std::optional<protocol::Value>& value);
  void receive(std::string_view reply);

  const Admin::Sources& sources_;
  std::function<void()> wake_;
  policies::Client& client_;
  std::string reply_;
};

}  // namespace pannier::proxy
