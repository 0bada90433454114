#include "proxy/address.hpp"
#include "proxy/config_parts.hpp"

namespace pannier::proxy {
namespace {

using policies::quoted;
using policies::setting_text;

constexpr Field<policies::AuthSettings> auth_fields[] = {
#define PANNIER_AUTH PANNIER_FIELD
#include "policies/settings.def"
};
constexpr Field<policies::MemorySettings> memory_fields[] = {
#define PANNIER_MEMORY PANNIER_FIELD
#include "policies/settings.def"
};
constexpr Field<policies::LocalSettings> local_fields[] = {
#define PANNIER_LOCAL PANNIER_FIELD
#include "policies/settings.def"
};
constexpr Field<policies::JournalSettings> journal_fields[] = {
#define PANNIER_JOURNAL PANNIER_FIELD
#include "policies/settings.def"
};
constexpr Field<policies::SelfCheckSettings> self_check_fields[] = {
#define PANNIER_SELF_CHECK PANNIER_FIELD
#include "policies/settings.def"
};
constexpr Field<policies::LimitSettings> limit_fields[] = {
#define PANNIER_LIMIT PANNIER_FIELD
#include "policies/settings.def"
};
constexpr Field<policies::LogSettings> log_fields[] = {
#define PANNIER_LOG PANNIER_FIELD
#include "policies/settings.def"
};
constexpr Field<policies::UpstreamSettings> upstream_fields[] = {
#define PANNIER_UPSTREAM PANNIER_FIELD
#include "policies/settings.def"
    {"tls", read_upstream_tls},
};

bool is_zero(policies::milliseconds value) { return value.count() == 0; }
bool is_zero(policies::Bytes value) { return value.value == 0; }
bool is_zero(policies::Count value) { return value.value == 0; }
bool is_zero(bool) { return false; }
bool is_zero(const std::string&) { return false; }

/// A limit of 0 lets nothing through; only max_clients gives it a meaning.
template <class T>
void refuse_zero(const ConfigNode& node, std::string_view name, const T& value,
                 Findings& findings) {
  if (!is_zero(value) || name == "max_clients") return;
  findings.error(mark_of(node, name), std::string(name) + ": 0 would let nothing through");
}

#define PANNIER_REFUSE_ZERO(type, name, value, text) \
  refuse_zero(node, #name, section.name, findings);

}  // namespace

void read_upstream(const ConfigNode& node, policies::UpstreamSettings& section,
                   Findings& findings) {
  if (node.kind == ConfigNode::Kind::scalar) {
    read_scalar(node, "upstream", section.url, findings);
  } else {
    read_map<policies::UpstreamSettings>(node, "upstream", "in upstream", upstream_fields, section,
                                         findings);
  }
#define PANNIER_UPSTREAM PANNIER_REFUSE_ZERO
#include "policies/settings.def"
  if (const auto url = parse_upstream_url(section.url); !url) {
    findings.error(mark_of(node, "url"), "url: " + url.error());
  }
  check_upstream_tls(node, section, findings);
  if (section.reconnect_max < section.reconnect_min) {
    findings.error(mark_of(node, "reconnect_max"),
                   "reconnect_max: " + setting_text(section.reconnect_max) +
                       " is shorter than reconnect_min, " + setting_text(section.reconnect_min));
  }
}

void read_auth(const ConfigNode& node, policies::AuthSettings& section, Findings& findings) {
  read_map<policies::AuthSettings>(node, "auth", "in auth", auth_fields, section, findings);
  if (section.mode == policies::AuthMode::pass_through && !section.password.empty()) {
    findings.error(mark_of(node, "password"),
                   "password: with mode pass_through upstream checks who clients are; remove it");
  }
  if (section.timeout.count() == 0) {
    findings.error(mark_of(node, "timeout"), "timeout: 0 would let nobody in");
  }
}

void read_local(const ConfigNode& node, policies::LocalSettings& section, Findings& findings) {
  read_map<policies::LocalSettings>(node, "local", "in local", local_fields, section, findings);
#define PANNIER_LOCAL PANNIER_REFUSE_ZERO
#include "policies/settings.def"
}

void read_memory(const ConfigNode& node, policies::MemorySettings& section, Findings& findings) {
  read_map<policies::MemorySettings>(node, "memory", "in memory", memory_fields, section, findings);
#define PANNIER_MEMORY PANNIER_REFUSE_ZERO
#include "policies/settings.def"
}

void read_journal(const ConfigNode& node, policies::JournalSettings& section, Findings& findings) {
  read_map<policies::JournalSettings>(node, "journal", "in journal", journal_fields, section,
                                      findings);
}

void read_self_check(const ConfigNode& node, policies::SelfCheckSettings& section,
                     Findings& findings) {
  read_map<policies::SelfCheckSettings>(node, "self_check", "in self_check", self_check_fields,
                                        section, findings);
}

void read_limits(const ConfigNode& node, policies::LimitSettings& section, Findings& findings) {
  read_map<policies::LimitSettings>(node, "limits", "in limits", limit_fields, section, findings);
#define PANNIER_LIMIT PANNIER_REFUSE_ZERO
#include "policies/settings.def"
  if (section.max_output_bytes.value < section.max_held_replies.value) {
    findings.error(mark_of(node, "max_output_bytes"),
                   "max_output_bytes: " + setting_text(section.max_output_bytes) +
                       " is less than max_held_replies, " + setting_text(section.max_held_replies) +
                       ": clients would be closed instead of made to wait");
  }
}

void read_log(const ConfigNode& node, policies::LogSettings& section, Findings& findings) {
  read_map<policies::LogSettings>(node, "log", "in log", log_fields, section, findings);
}

}  // namespace pannier::proxy
