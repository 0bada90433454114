#include "proxy/metrics.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>
#include <set>
#include <sstream>

using namespace pannier::proxy;
using pannier::policies::Core;
using pannier::policies::CounterBook;
using pannier::policies::microseconds;

namespace {

/// Takes what is at the front of a line of the exposition; remembers whether anything was missing.
struct Line {
  std::string_view rest;
  bool good = true;

  void take(std::string_view text) {
    good = good && rest.starts_with(text);
    if (good) rest.remove_prefix(text.size());
  }
  std::string_view take_name() {
    const auto is_letter = [](char c) {
      return std::isalpha(static_cast<unsigned char>(c)) || c == '_';
    };
    std::size_t size = 0;
    while (size < rest.size() &&
           (is_letter(rest[size]) || (size > 0 && std::isdigit(rest[size])))) {
      ++size;
    }
    good = good && size > 0;
    const auto name = rest.substr(0, size);
    rest.remove_prefix(size);
    return name;
  }
  void take_quoted() {
    take("\"");
    while (good && !rest.starts_with('"')) {
      const bool escape = rest.starts_with('\\');
      good = !rest.empty() && (!escape || (rest.size() > 1 && std::strchr("\\\"n", rest[1])));
      rest.remove_prefix(std::min(rest.size(), std::size_t{escape ? 2u : 1u}));
    }
    take("\"");
  }
  void take_labels() {
    if (!rest.starts_with('{')) return;
    take("{");
    while (good && !rest.starts_with('}')) {
      take_name();
      take("=");
      take_quoted();
      if (!rest.starts_with('}')) take(",");
    }
    take("}");
  }
};

/// Reads the exposition by the rules of the format, and checks each line against them.
/// \returns how many series there are.
std::size_t read(const std::string& text) {
  std::set<std::string> families, series;
  std::istringstream lines(text);
  std::string bytes, family;
  while (std::getline(lines, bytes)) {
    Line line{bytes};
    if (bytes.starts_with("# HELP ")) {
      line.take("# HELP ");
      family = line.take_name();
      line.take(" ");
      CHECK_MESSAGE(families.insert(family).second, "twice: ", family);
    } else if (bytes.starts_with("# TYPE ")) {
      line.take("# TYPE " + family + " ");
      const bool is_counter = line.rest == "counter";
      CHECK_MESSAGE((is_counter || line.rest == "gauge" || line.rest == "histogram"), bytes);
      CHECK_MESSAGE(is_counter == family.ends_with("_total"), bytes);
    } else {
      CHECK_MESSAGE(line.take_name().starts_with(family), bytes);
      line.take_labels();
      line.take(" ");
      const auto name = bytes.substr(0, bytes.size() - line.rest.size());
      CHECK_MESSAGE(series.insert(name).second, "twice: ", name);
      const std::string value(line.rest);
      char* end = nullptr;
      std::strtod(value.c_str(), &end);
      CHECK_MESSAGE(end == value.c_str() + value.size(), bytes);
    }
    CHECK_MESSAGE((line.good && !line.rest.empty()), bytes);
  }
  return series.size();
}

bool has(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("Every counter is shown with its text and value") {
  CounterBook book;
  book.commands = 7;
  book.tier("users").hits = 5;
  const auto text = metrics_text(book, {}, {});
  read(text);
#define PANNIER_COUNTER(name, help)                         \
  CHECK(has(text, "# HELP pannier_" #name "_total " help)); \
  CHECK(has(text, "pannier_" #name "_total " + std::to_string(book.name)));
#define PANNIER_TIER_COUNTER(name, help)                            \
  CHECK(has(text, "# HELP pannier_tier_" #name "_total " help));    \
  CHECK(has(text, "pannier_tier_" #name "_total{tier=\"users\"} " + \
                      std::to_string(book.tiers.find("users")->second.name)));
#include "policies/counters.def"
  CHECK(has(text, "pannier_commands_total 7"));
  CHECK(has(text, "pannier_tier_hits_total{tier=\"users\"} 5"));
}

TEST_CASE("Histograms count cumulatively, in seconds") {
  CounterBook book;
  auto& tier = book.tier("users");
  tier.hit_seconds.add(microseconds(10), 3);
  tier.hit_seconds.add(microseconds(100));
  tier.miss_seconds.add(microseconds(1'000'000));
  tier.load_seconds.add(std::chrono::seconds(100));
  const auto text = metrics_text(book, {}, {});
  read(text);
  const std::string hit = "pannier_read_seconds_bucket{tier=\"users\",result=\"hit\",le=";
  CHECK(has(text, hit + "\"3.2e-05\"} 3"));
  CHECK(has(text, hit + "\"6.4e-05\"} 3"));
  CHECK(has(text, hit + "\"0.000128\"} 4"));
  CHECK(has(text, hit + "\"16.777216\"} 4"));
  CHECK(has(text, hit + "\"+Inf\"} 4"));
  CHECK(has(text, "pannier_read_seconds_count{tier=\"users\",result=\"hit\"} 4"));
  CHECK(has(text, "pannier_read_seconds_sum{tier=\"users\",result=\"hit\"} 0.00013"));
  CHECK(has(text, "pannier_read_seconds_bucket{tier=\"users\",result=\"miss\",le=\"0.524288\"} 0"));
  CHECK(has(text, "pannier_read_seconds_bucket{tier=\"users\",result=\"miss\",le=\"1.048576\"} 1"));
  CHECK(has(text, "pannier_load_seconds_bucket{tier=\"users\",le=\"16.777216\"} 0"));
  CHECK(has(text, "pannier_load_seconds_bucket{tier=\"users\",le=\"+Inf\"} 1"));
  CHECK(has(text, "pannier_load_seconds_sum{tier=\"users\"} 100"));
}

TEST_CASE("A label may hold any byte, and the text still parses") {
  CounterBook book;
  book.tier("a\"b\\c\nd").hits = 1;
  book.tier("x\"} 1\nevil_total{a=\"").hits = 2;
  book.tier("\xff\xc3\xa9").hits = 3;
  ProxyCounters counters;
  counters.closed["why\n\"not\\"] = 4;
  const auto text = metrics_text(book, counters, {});
  read(text);
  CHECK(has(text, R"(pannier_tier_hits_total{tier="a\"b\\c\nd"} 1)"));
  CHECK(has(text, R"(pannier_tier_hits_total{tier="x\"} 1\nevil_total{a=\""} 2)"));
  CHECK(has(text, "pannier_tier_hits_total{tier=\"\xEF\xBF\xBD\xc3\xa9\"} 3"));
  CHECK(has(text, R"(pannier_client_closed_total{why="why\n\"not\\"} 4)"));
}

TEST_CASE("The proxy's own counts are shown") {
  ProxyCounters counters;
  counters.accepted = 1;
  counters.refused = 2;
  counters.connects = 3;
  counters.connect_failures = 4;
  counters.reloads = 5;
  counters.reloads_failed = 6;
  counters.closed["client_quit"] = 7;
  Gauges gauges;
  gauges.admin_requests[200] = 8;
  gauges.admin_refused = 9;
  const auto text = metrics_text({}, counters, gauges);
  read(text);
  CHECK(has(text, "pannier_connections_accepted_total 1"));
  CHECK(has(text, "pannier_connections_refused_total 2"));
  CHECK(has(text, "pannier_upstream_connects_total 3"));
  CHECK(has(text, "pannier_upstream_connect_failures_total 4"));
  CHECK(has(text, "pannier_config_reloads_total{result=\"ok\"} 5"));
  CHECK(has(text, "pannier_config_reloads_total{result=\"failed\"} 6"));
  CHECK(has(text, "pannier_client_closed_total{why=\"client_quit\"} 7"));
  CHECK(has(text, "pannier_admin_requests_total{code=\"200\"} 8"));
  CHECK(has(text, "pannier_admin_connections_refused_total 9"));
}

TEST_CASE("Local copies are told in bytes and keys, and by what they are kept right") {
  Gauges gauges;
  gauges.local_bytes = 1;
  gauges.local_keys = 2;
  gauges.local_evictions = 3;
  auto text = metrics_text({}, {}, gauges);
  read(text);
  CHECK(has(text, "pannier_local_bytes 1"));
  CHECK(has(text, "pannier_local_keys 2"));
  CHECK(has(text, "pannier_local_evictions_total 3"));
  CHECK(has(text, "pannier_local_coherence{by=\"push\"} 1"));
  CHECK(has(text, "pannier_local_coherence{by=\"ttl\"} 0"));
  gauges.coherence = "ttl";
  text = metrics_text({}, {}, gauges);
  CHECK(has(text, "pannier_local_coherence{by=\"push\"} 0"));
  CHECK(has(text, "pannier_local_coherence{by=\"ttl\"} 1"));
}

TEST_CASE("Upstream is in exactly one state") {
  Gauges gauges;
  gauges.upstream = Core::UpstreamState::down;
  auto text = metrics_text({}, {}, gauges);
  CHECK(has(text, "pannier_upstream_up 0"));
  CHECK(has(text, "pannier_upstream_state{state=\"connecting\"} 0"));
  CHECK(has(text, "pannier_upstream_state{state=\"up\"} 0"));
  CHECK(has(text, "pannier_upstream_state{state=\"down\"} 1"));
  CHECK(has(text, "pannier_upstream_state{state=\"absent\"} 0"));
  gauges.upstream = Core::UpstreamState::up;
  text = metrics_text({}, {}, gauges);
  CHECK(has(text, "pannier_upstream_up 1"));
  CHECK(has(text, "pannier_upstream_state{state=\"down\"} 0"));
}

TEST_CASE("The process's memory and descriptors are read") {
  Gauges gauges;
  read_process(gauges);
  CHECK(gauges.resident_bytes > 1'000'000);
  CHECK(gauges.open_fds >= 3);
  CHECK(gauges.open_fds < 10'000);
  gauges.clients = 4;
  const auto text = metrics_text({}, {}, gauges);
  CHECK(has(text, "process_open_fds " + std::to_string(gauges.open_fds)));
  CHECK(has(text, "pannier_clients 4"));
  CHECK(text.find("pannier_info{version=\"") != std::string::npos);
}

TEST_CASE("The number of series stays bounded whatever tiers and reasons there have been") {
  CounterBook book;
  ProxyCounters counters;
  for (int i = 0; i < 1'000; ++i) {
    const auto name = "name" + std::to_string(i);
    book.tier(name).hits = 1;
    book.tier(name).hit_seconds.add(microseconds(10));
    counters.closed[name] = 1;
  }
  book.tier("other").hits = 10;
  const auto text = metrics_text(book, counters, {});
  CHECK(read(text) < 2'000);
  CHECK(has(text,
            "pannier_tier_hits_total{tier=\"other\"} " + std::to_string(1'000 - most_labels + 10)));
  CHECK(has(text, "pannier_read_seconds_count{tier=\"other\",result=\"hit\"} " +
                      std::to_string(1'000 - most_labels)));
  CHECK(has(text,
            "pannier_client_closed_total{why=\"other\"} " + std::to_string(1'000 - most_labels)));
}
