#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "policies/audit.hpp"
#include "policies/automation.hpp"
#include "proxy/hook_delivery.hpp"
#include "proxy/server.hpp"

namespace pannier::proxy {

/// Tells others of invalidations that have ended: a CDN, another cache.
///
/// Each hook has a queue of its own, bounded (also to 8 MiB), and one delivery under way. One that
/// fails is tried again, later each time; when the queue is full the oldest that waits is dropped
/// and counted. What is under way when the sidecar ends is lost.
class Hooks {
 public:
  explicit Hooks(Server& server) : server_(server) {}
  ~Hooks();
  /// Other hooks from now on; one that is as before keeps its queue.
  void reload(const policies::Settings& settings);
  /// An invalidation has ended.
  void tell(const policies::AuditRecord& record);
  /// Time passed: begins what is due.
  void tick(policies::TimePoint now);

 private:
  struct News {
    std::string body, tags, id;
    std::size_t bytes() const { return body.size() + tags.size() + id.size(); }
  };
  struct Hook {
    policies::HookSettings settings;
    HookUrl url;
    std::deque<News> waiting;
    std::size_t waiting_bytes = 0;
    std::unique_ptr<News> current;
    std::unique_ptr<HookDelivery> delivery;  ///< Of `current`; null between attempts.
    std::uint64_t failures = 0;              ///< Of `current`.
    policies::TimePoint next_at{};

    News take_oldest();
  };
  void send(Hook& hook);
  void sent(Hook& hook, const std::string& error);

  Server& server_;
  std::vector<std::shared_ptr<Hook>> hooks_;
  std::uint64_t serial_ = 0;
};

/// Whether a hook is to be told of an invalidation.
bool wants(const policies::HookSettings& hook, const policies::AuditRecord& record);

/// An invalidation as JSON, and its tags as the header Surrogate-Key has them: with blanks in
/// between, and percent-encoded where a tag has some itself. Those beyond 4 KiB are in the JSON
/// only.
std::string hook_body(const policies::AuditRecord& record);
std::string surrogate_keys(const policies::Invalidation& what);

}  // namespace pannier::proxy
