#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "policies/core.hpp"
#include "proxy/server.hpp"

namespace pannier::proxy {

/// What a scrape sees besides the pipeline's counters.
struct Gauges {
  policies::Core::UpstreamState upstream = policies::Core::UpstreamState::connecting;
  std::uint64_t clients = 0, links = 0, leases = 0, waiting = 0;
  std::uint64_t memory_bytes = 0, memory_keys = 0;
  std::uint64_t local_bytes = 0, local_keys = 0, local_evictions = 0;
  std::string_view coherence = "push";  ///< As in policies::Core.
  std::string_view breaker = "closed";
  std::uint64_t journal = 0;
  std::uint64_t resident_bytes = 0, open_fds = 0;    ///< Of the process; 0 where /proc is missing.
  std::map<unsigned, std::uint64_t> admin_requests;  ///< By HTTP status.
  std::uint64_t admin_refused = 0;
  protocol::Value loaders{};  ///< Effects::loaders().
};

/// Reads the process's part of `gauges` from /proc/self.
void read_process(Gauges& gauges);

/// Everything as Prometheus text (version 0.0.4), made when it is asked for: the data path only
/// adds to integers.
///
/// The number of series is bounded whatever clients and reloads do: the first `most_labels` tiers
/// and close reasons by name have their own, the rest are added up under `other`.
constexpr std::size_t most_labels = 16;
std::string metrics_text(const policies::CounterBook& book, const ProxyCounters& counters,
                         const Gauges& gauges);

}  // namespace pannier::proxy
