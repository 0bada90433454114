// Where clients connect, and what TLS needs on either side.

#include <tuple>

#include "proxy/address.hpp"
#include "proxy/config_parts.hpp"
#include "proxy/tls.hpp"

namespace pannier::proxy {
namespace {

using policies::quoted;
using policies::Settings;
using policies::TlsSettings;
using policies::UpstreamTlsSettings;

constexpr Field<TlsSettings> tls_fields[] = {
#define PANNIER_TLS PANNIER_FIELD
#include "policies/settings.def"
};
constexpr Field<UpstreamTlsSettings> upstream_tls_fields[] = {
#define PANNIER_UPSTREAM_TLS PANNIER_FIELD
#include "policies/settings.def"
};

void report(const TlsContext::Made& made, const ConfigNode& node, Findings& findings) {
  if (made) return;
  const auto& [setting, sentence] = made.error();
  findings.error(mark_of(node, setting), std::string(setting) + ": " + sentence);
}

/// A place for clients as it is written, and the setting that says so.
struct Place {
  std::string_view setting;
  std::string text;  ///< As parse_address() reads it.
  bool authenticated = false;
};

/// Without authentication of its own the sidecar must not be reachable from other machines, as
/// Redis in its protected mode.
void check_place(const Place& place, Mark mark, const Settings& settings, Findings& findings) {
  const std::string name(place.setting);
  const auto address = parse_address(place.text);
  if (!address) return findings.error(mark, name + ": " + address.error());
  const auto shown = name + ": " + quoted(place.text);
  if (!address->is_local() && !place.authenticated && !settings.auth.is_required()) {
    const bool is_tls = place.setting == "listen_tls";
    findings.error(mark,
                   shown +
                       " can be reached from other machines, and the sidecar has no "
                       "authentication of its own; " +
                       (is_tls ? "listen on a loopback address, demand certificates of clients "
                                 "with tls.ca, or set auth.password"
                               : "listen on a loopback address or a unix socket, or set "
                                 "auth.password"));
  }
  if (address->port == 0 && !address->is_unix()) return;  // The system will choose a free one.
  if (place.text == settings.admin.listen) {
    findings.error(mark, shown + " is the address of admin, too");
  }
  const auto upstream = parse_upstream_url(settings.upstream.url);
  if (upstream && upstream->address == *address) {
    findings.error(mark, shown +
                             " is the address of upstream, too; the sidecar would connect to "
                             "itself");
  }
}

}  // namespace

void read_tls(const ConfigNode& node, TlsSettings& section, Findings& findings) {
  read_map<TlsSettings>(node, "tls", "in tls", tls_fields, section, findings);
  if (section.handshake_timeout.count() == 0) {
    findings.error(mark_of(node, "handshake_timeout"),
                   "handshake_timeout: 0 would let nothing through");
  }
  if (section.cert.empty() && section.key.empty() && section.ca.empty()) return;
  report(TlsContext::for_clients(section), node, findings);
}

void read_upstream_tls(const ConfigNode& node, policies::UpstreamSettings& upstream,
                       Findings& findings) {
  auto& section = upstream.tls;
  read_map<UpstreamTlsSettings>(node, "tls", "in upstream.tls", upstream_tls_fields, section,
                                findings);
  const auto& name = section.server_name;
  if (const auto host = parse_address(name + ":1"); !name.empty() && (!host || host->is_unix())) {
    findings.error(mark_of(node, "server_name"),
                   "server_name: " + quoted(name) + " is not a host name");
  }
  if (!section.verify) {
    findings.warning(mark_of(node, "verify"), "verify: false: anybody can pose as upstream");
  }
  // The system's authorities take a quarter of a second to read: only what is named is looked at.
  if (section.ca.empty() && section.cert.empty() && section.key.empty()) return;
  report(TlsContext::for_upstream(section, "upstream"), node, findings);
}

void check_upstream_tls(const ConfigNode& upstream, const policies::UpstreamSettings& settings,
                        Findings& findings) {
  const auto& tls = settings.tls;
  const bool is_default = tls.verify && tls.ca.empty() && tls.cert.empty() && tls.key.empty() &&
                          tls.server_name.empty();
  const auto url = parse_upstream_url(settings.url);
  if (is_default || !url || url->tls) return;
  findings.error(mark_of(upstream, "tls"),
                 "tls: the url asks for no TLS; write rediss://, or leave the section out");
}

void check_listen(const ConfigNode& root, const Settings& settings, Findings& findings) {
  const auto& [plain, on_unix, tls] =
      std::tie(settings.listen, settings.listen_unix, settings.listen_tls);
  if (plain == "off" && on_unix == "off" && tls == "off") {
    findings.error(mark_of(root, "listen"),
                   "listen: off leaves no way in; listen_unix and listen_tls are off, too");
  }
  if (plain != "off") {
    check_place({"listen", plain}, mark_of(root, "listen"), settings, findings);
  }
  if (on_unix != "off" && !on_unix.starts_with('/')) {
    findings.error(mark_of(root, "listen_unix"),
                   "listen_unix: " + quoted(on_unix) + " is neither an absolute path nor off");
  } else if (on_unix != "off") {
    check_place({"listen_unix", "unix:" + on_unix}, mark_of(root, "listen_unix"), settings,
                findings);
  }
  if (tls == "off") return;
  const Mark mark = mark_of(root, "listen_tls");
  check_place({"listen_tls", tls, !settings.tls.ca.empty()}, mark, settings, findings);
  if (settings.tls.cert.empty()) {
    findings.error(mark, "listen_tls: a certificate is needed; give tls.cert and tls.key");
  }
  if (tls == plain) findings.error(mark, "listen_tls: " + quoted(tls) + " is listen, too");
}

}  // namespace pannier::proxy
