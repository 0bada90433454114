#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "policies/settings.hpp"
#include "proxy/address.hpp"
#include "proxy/loop.hpp"

namespace pannier::proxy {

class AdminActions;
class EventIntake;
class Server;

/// The small HTTP port: /metrics, /livez, /readyz, /stats, and every action of actions.def as
/// POST /<name>/<words>... with the words of PANNIER, and under an application's own paths
/// (aliases). Every request must name a loopback host (or one that is allowed) as its Host, and
/// none may carry an Origin: a web page that the operator has open must not be able to steer the
/// sidecar. With tokens almost every request must bring one; without it listens on loopback only.
class Admin {
 public:
  /// Whether the sidecar should be given traffic, and why not.
  struct Readiness {
    bool ready = false;
    std::string reason;
  };
  struct Sources {
    Server& server;
    AdminActions& actions;
    EventIntake& events;
    std::function<Readiness()> readiness;
    std::vector<std::string> allowed_hosts;
  };

  /// Listens at once. \throws std::runtime_error when it cannot, as Listener does.
  Admin(Loop& loop, const Address& address, Sources sources);
  ~Admin();

  std::string text() const;  ///< Where it listens.
  /// Other tokens and aliases, for requests to come.
  void configure(const policies::AdminSettings& settings);
  void stop();

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace pannier::proxy
