#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "policies/histogram.hpp"
#include "policies/origin.hpp"
#include "protocol/value.hpp"
#include "proxy/server.hpp"
#include "proxy/sql_pool.hpp"

namespace pannier::proxy {

/// Asks origins for what the pipeline finds missing, and stores what they say, each result as a
/// client of its own that has missed the key.
class OriginRunner {
 public:
  explicit OriginRunner(Server& server);
  ~OriginRunner();
  OriginRunner(const OriginRunner&) = delete;
  OriginRunner& operator=(const OriginRunner&) = delete;

  /// Takes up what the server's settings say now. Queries under way go on, unless their database is
  /// another one now: then they have failed.
  void reload();

  /// For operators: {"origins": {...}, "databases": {...}}.
  protocol::Value report() const;

  /// Of one origin, since the start.
  struct Counters {
    std::uint64_t loads = 0, empty = 0, errors = 0, stored = 0;
    policies::Histogram seconds;
    std::string last_error;
    policies::TimePoint logged{};  ///< When that was said in the log, once in a second.
  };
  struct Pool {
    std::string name;
    SqlPoolSettings settings;
    std::shared_ptr<SqlPool> pool;
  };

 private:
  /// A load from the pipeline's call to the end of its loader.
  struct Load {
    policies::OriginLoad order;
    std::shared_ptr<const policies::Origins> settings;  ///< As of when it was asked for.
    policies::Client* loader = nullptr;
    std::string value;                 ///< The result, while it is being stored.
    policies::TimePoint since, until;  ///< Asked then; given up then.
  };
  struct Queue {
    std::size_t running = 0;
    std::deque<policies::ClientId> waiting;  ///< By their loaders.
  };

  policies::ClientId open(std::uint32_t db);
  void begin(policies::OriginLoad order);
  void start_next(const std::string& origin);
  void ask(policies::ClientId id);
  void answered(policies::ClientId id, const SqlAnswer& answer);
  void store(policies::ClientId id);
  void replied(policies::ClientId id, std::string_view reply);
  void failed(policies::ClientId id, std::string_view error);
  void end(policies::ClientId id);
  /// Ends it in a turn of its own: it may be inside the pipeline now.
  void end_later(policies::ClientId id);
  /// Gives up what waits too long, and stores what the pipeline did not take before.
  void tick();

  static const policies::OriginSettings& origin_of(const Load& load);

  Server& server_;
  std::shared_ptr<const policies::Origins> settings_;
  std::vector<Pool> pools_;
  std::map<std::string, Queue> queues_;  ///< By origin.
  std::map<std::string, Counters> counters_;
  std::map<policies::ClientId, Load> loads_;  ///< By their loaders.
  std::vector<policies::ClientId> held_;      ///< To be stored when the pipeline takes it.
  Timer clock_;
  bool is_ticking_ = false;
};

}  // namespace pannier::proxy
