#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "policies/time.hpp"
#include "proxy/hook_url.hpp"
#include "proxy/loop.hpp"

namespace pannier::proxy {

/// One HTTP request to somebody else, over a connection of its own.
class HookDelivery {
 public:
  struct Request {
    HookUrl url;
    std::string method;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;  ///< JSON.
    policies::milliseconds timeout{0};
  };
  /// Empty when it was answered with 2xx, else why not.
  using Done = std::function<void(const std::string& error)>;

  /// `done` is called once, later, unless the delivery is destroyed before.
  HookDelivery(Loop& loop, Request request, Done done);
  ~HookDelivery();

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace pannier::proxy
