#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "policies/invalidation.hpp"
#include "proxy/server.hpp"

namespace pannier::proxy {

/// Calls of the pipeline that nobody asked for but the sidecar itself. Each is made by a client of
/// its own, which is gone once it has its reply.
class OwnCalls {
 public:
  explicit OwnCalls(Server& server) : server_(server) {}

  /// The call: whatever the pipeline has that answers the client's request.
  using Begin = std::function<void(policies::Client& client, policies::TimePoint now)>;
  /// Its whole RESP3 reply. Called in a turn of its own, never from inside the pipeline, so it may
  /// call the pipeline again.
  using Done = std::function<void(std::string_view reply)>;
  void make(const Begin& begin, Done done);

  /// Pipeline::invalidate().
  void invalidate(policies::Invalidation what, Done done);
  /// Pipeline::warm().
  void warm(const std::string& set, Done done);

  std::size_t size() const { return running_.size(); }

 private:
  struct Running {
    policies::Client* client = nullptr;
    Done done;
  };
  void answered(std::uint64_t call, std::string_view reply);

  Server& server_;
  std::uint64_t next_ = 0;
  std::map<std::uint64_t, Running> running_;
};

}  // namespace pannier::proxy
