#include "proxy/metrics.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <filesystem>
#include <iterator>
#include <sstream>
#include <vector>

#include "proxy/memory_limit.hpp"
#include "proxy/metrics_origins.hpp"
#include "proxy/utf8.hpp"

namespace pannier::proxy {

using policies::CounterBook;
using policies::Histogram;
using policies::TierCounters;
using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

namespace {

using Labels = std::vector<ClientMetric::Label>;
using Families = std::vector<MetricFamily>;

/// From 32 us to 16.8 s: what is faster or slower than that needs no telling apart.
constexpr std::size_t first_bucket = 5;

double as_double(std::uint64_t value) { return static_cast<double>(value); }

MetricFamily& add_family(Families& families, std::string name, std::string help, MetricType type) {
  return families.emplace_back(MetricFamily{std::move(name), std::move(help), type, {}});
}

void add_value(MetricFamily& family, Labels labels, double value) {
  auto& metric = family.metric.emplace_back();
  metric.label = std::move(labels);
  (family.type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = value;
}

void add_counter(Families& families, std::string name, std::string help, std::uint64_t value) {
  add_value(add_family(families, std::move(name), std::move(help), MetricType::Counter), {},
            as_double(value));
}

void add_gauge(Families& families, std::string name, std::string help, std::uint64_t value) {
  add_value(add_family(families, std::move(name), std::move(help), MetricType::Gauge), {},
            as_double(value));
}

/// The histograms' sum under `labels`, in seconds.
void add_histogram(MetricFamily& family, Labels labels,
                   const std::vector<const Histogram*>& parts) {
  auto& metric = family.metric.emplace_back();
  metric.label = std::move(labels);
  auto& out = metric.histogram;
  for (const auto* part : parts) {
    out.sample_count += part->total();
    out.sample_sum += std::chrono::duration<double>(part->sum()).count();
  }
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i + 1 < Histogram::buckets; ++i) {
    for (const auto* part : parts) seen += part->count(i);
    if (i < first_bucket) continue;
    out.bucket.push_back({seen, std::chrono::duration<double>(Histogram::limit(i)).count()});
  }
}

/// Tiers that share one label value.
struct LabelledTiers {
  std::string name;
  std::vector<const TierCounters*> tiers;

  std::uint64_t sum(std::uint64_t TierCounters::*counter) const {
    std::uint64_t all = 0;
    for (const auto* tier : tiers) all += tier->*counter;
    return all;
  }
  std::vector<const Histogram*> histograms(Histogram TierCounters::*histogram) const {
    std::vector<const Histogram*> all;
    for (const auto* tier : tiers) all.push_back(&(tier->*histogram));
    return all;
  }
};

std::vector<LabelledTiers> labelled(const CounterBook& book) {
  std::vector<LabelledTiers> groups;
  LabelledTiers other{"other", {}};
  for (const auto& [name, tier] : book.tiers) {
    if (groups.size() < most_labels && name != other.name) {
      groups.push_back({valid_utf8(name), {&tier}});
    } else {
      other.tiers.push_back(&tier);
    }
  }
  if (!other.tiers.empty()) groups.push_back(std::move(other));
  return groups;
}

void add_tiers(Families& families, const std::vector<LabelledTiers>& groups) {
  if (groups.empty()) return;
  const auto add = [&](std::string name, const char* text, std::uint64_t TierCounters::*counter) {
    auto& family =
        add_family(families, "pannier_tier_" + name + "_total", text, MetricType::Counter);
    for (const auto& group : groups) {
      add_value(family, {{"tier", group.name}}, as_double(group.sum(counter)));
    }
  };
#define PANNIER_TIER_COUNTER(name, text) add(#name, text, &TierCounters::name);
#include "policies/counters.def"

  auto& reads = add_family(families, "pannier_read_seconds", "From a read's arrival to its reply.",
                           MetricType::Histogram);
  for (const auto& group : groups) {
    add_histogram(reads, {{"tier", group.name}, {"result", "hit"}},
                  group.histograms(&TierCounters::hit_seconds));
    add_histogram(reads, {{"tier", group.name}, {"result", "miss"}},
                  group.histograms(&TierCounters::miss_seconds));
  }
  auto& loads =
      add_family(families, "pannier_load_seconds",
                 "From the nil of a miss to the SET that fills it.", MetricType::Histogram);
  for (const auto& group : groups) {
    add_histogram(loads, {{"tier", group.name}}, group.histograms(&TierCounters::load_seconds));
  }
}

void add_inconsistent(Families& families, const CounterBook& book) {
  auto& family = add_family(families, "pannier_inconsistent_total",
                            "Served copies that upstream did not have, by when it was asked.",
                            MetricType::Counter);
  for (std::size_t i = 0; i < policies::SelfCheck::stages.size(); ++i) {
    add_value(family, {{"after", std::string(policies::SelfCheck::stages[i])}},
              as_double(book.inconsistent[i]));
  }
}

void add_proxy(Families& families, const ProxyCounters& counters) {
  add_counter(families, "pannier_connections_accepted_total", "Client connections accepted.",
              counters.accepted);
  add_counter(families, "pannier_connections_refused_total",
              "Client connections refused: too many were open.", counters.refused);
  auto& closed = add_family(families, "pannier_client_closed_total",
                            "Client connections ended, by why.", MetricType::Counter);
  std::uint64_t others = 0;
  for (const auto& [why, times] : counters.closed) {
    if (closed.metric.size() < most_labels && why != "other") {
      add_value(closed, {{"why", valid_utf8(why)}}, as_double(times));
    } else {
      others += times;
    }
  }
  if (others > 0) add_value(closed, {{"why", "other"}}, as_double(others));
  add_counter(families, "pannier_upstream_connects_total", "Connections to upstream made ready.",
              counters.connects);
  add_counter(families, "pannier_upstream_connect_failures_total",
              "Connections to upstream that could not be made.", counters.connect_failures);
  auto& reloads = add_family(families, "pannier_config_reloads_total",
                             "Times the configuration file was read again, by what came of it.",
                             MetricType::Counter);
  add_value(reloads, {{"result", "ok"}}, as_double(counters.reloads));
  add_value(reloads, {{"result", "failed"}}, as_double(counters.reloads_failed));
}

void add_upstream(Families& families, policies::Core::UpstreamState now) {
  using State = policies::Core::UpstreamState;
  add_gauge(families, "pannier_upstream_up", "Whether Redis answers commands.", now == State::up);
  auto& states = add_family(families, "pannier_upstream_state",
                            "1 for the state that upstream is in.", MetricType::Gauge);
  for (const auto state : {State::connecting, State::up, State::down, State::absent}) {
    add_value(states, {{"state", std::string(policies::state_name(state))}}, now == state);
  }
}

void add_gauges(Families& families, const Gauges& gauges) {
  add_gauge(families, "pannier_clients", "Clients connected.", gauges.clients);
  add_gauge(families, "pannier_links", "Connections to upstream, of any state.", gauges.links);
  add_gauge(families, "pannier_leases", "Leases held.", gauges.leases);
  add_gauge(families, "pannier_waiting", "Readers that wait for another client's SET.",
            gauges.waiting);
  add_gauge(families, "pannier_memory_bytes", "Bytes that the memory store keeps.",
            gauges.memory_bytes);
  add_gauge(families, "pannier_memory_keys", "Keys in the memory store.", gauges.memory_keys);
  add_gauge(families, "pannier_local_bytes", "Bytes that local copies take, with all overhead.",
            gauges.local_bytes);
  add_gauge(families, "pannier_local_keys", "Keys with local copies.", gauges.local_keys);
  add_counter(families, "pannier_local_evictions_total",
              "Local copies removed because local.max_bytes was reached.", gauges.local_evictions);
  auto& coherence =
      add_family(families, "pannier_local_coherence",
                 "1 for what keeps local copies right: Redis's pushes; their TTL alone, where it "
                 "refuses tracking; off, where it is a replica.",
                 MetricType::Gauge);
  for (const char* by : {"push", "ttl", "off"}) {
    add_value(coherence, {{"by", by}}, gauges.coherence == by);
  }
  add_gauge(families, "pannier_journal_entries", "Invalidations that wait for upstream.",
            gauges.journal);
  auto& breaker =
      add_family(families, "pannier_breaker", "1 for the state of the circuit breaker to upstream.",
                 MetricType::Gauge);
  for (const std::string_view state : {"closed", "open", "half_open"}) {
    add_value(breaker, {{"state", std::string(state)}}, gauges.breaker == state);
  }
  add_gauge(families, "process_resident_memory_bytes", "Resident memory of the process.",
            gauges.resident_bytes);
  add_gauge(families, "process_open_fds", "Open file descriptors of the process.", gauges.open_fds);
  auto& info =
      add_family(families, "pannier_info", "Always 1; the release as a label.", MetricType::Gauge);
  add_value(info, {{"version", PANNIER_RELEASE}}, 1);
}

void add_admin(Families& families, const Gauges& gauges) {
  auto& requests = add_family(families, "pannier_admin_requests_total",
                              "Requests to the admin port, by HTTP status.", MetricType::Counter);
  for (const auto& [status, times] : gauges.admin_requests) {
    add_value(requests, {{"code", std::to_string(status)}}, as_double(times));
  }
  add_counter(families, "pannier_admin_connections_refused_total",
              "Connections to the admin port refused: too many were open.", gauges.admin_refused);
}

}  // namespace

void read_process(Gauges& gauges) {
  gauges.resident_bytes = resident_bytes();
  std::error_code error;
  std::filesystem::directory_iterator open("/proc/self/fd", error);
  if (!error) gauges.open_fds = static_cast<std::uint64_t>(std::distance(begin(open), end(open)));
}

std::string metrics_text(const CounterBook& book, const ProxyCounters& counters,
                         const Gauges& gauges) {
  Families families;
#define PANNIER_COUNTER(name, text) \
  add_counter(families, "pannier_" #name "_total", text, book.name);
#include "policies/counters.def"
  add_inconsistent(families, book);
  add_tiers(families, labelled(book));
  add_proxy(families, counters);
  add_upstream(families, gauges.upstream);
  add_gauges(families, gauges);
  add_admin(families, gauges);
  add_origins(families, gauges.loaders);
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families);
  return std::move(out).str();
}

}  // namespace pannier::proxy
