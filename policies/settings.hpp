#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policies/dated_ttl.hpp"
#include "policies/json_path.hpp"
#include "policies/setting_types.hpp"
#include "policies/version_weights.hpp"
#include "protocol/glob.hpp"

namespace pannier::policies {

struct Automation;
struct Origins;

#define PANNIER_MEMBER(type, name, value, text) type name = value;

struct UpstreamTlsSettings {
#define PANNIER_UPSTREAM_TLS PANNIER_MEMBER
#include "policies/settings.def"
};

struct UpstreamSettings {
#define PANNIER_UPSTREAM PANNIER_MEMBER
#include "policies/settings.def"
  UpstreamTlsSettings tls;
};

/// Of `listen_tls`.
struct TlsSettings {
#define PANNIER_TLS PANNIER_MEMBER
#include "policies/settings.def"
};

struct AuthSettings {
#define PANNIER_AUTH PANNIER_MEMBER
#include "policies/settings.def"
  /// Whether a client may do nothing before it has said who it is.
  bool is_required() const { return mode == AuthMode::pass_through || !password.empty(); }
};

/// As whom somebody works upstream.
struct Credentials {
  std::string user, password;
};

struct MemorySettings {
#define PANNIER_MEMORY PANNIER_MEMBER
#include "policies/settings.def"
};

/// Of the copies in all tiers.
struct LocalSettings {
#define PANNIER_LOCAL PANNIER_MEMBER
#include "policies/settings.def"
};

/// Of invalidations that wait for upstream.
struct JournalSettings {
#define PANNIER_JOURNAL PANNIER_MEMBER
#include "policies/settings.def"
};

struct SelfCheckSettings {
#define PANNIER_SELF_CHECK PANNIER_MEMBER
#include "policies/settings.def"
};

struct LimitSettings {
#define PANNIER_LIMIT PANNIER_MEMBER
#include "policies/settings.def"
};

struct AdminSettings {
#define PANNIER_ADMIN PANNIER_MEMBER
#include "policies/settings.def"
  std::vector<std::string> allowed_hosts;  ///< Host names accepted beside the loopback ones.
  /// Who may ask for what; none: whoever reaches the port may everything.
  struct Token {
    std::string name;
    std::string token, token_file;  ///< One of them: itself, or the file that holds it.
    Role role = Role::read;
  };
  std::vector<Token> tokens;
  /// An application's path that leads to one of ours.
  struct Alias {
    std::string path;    ///< `/cache/tag/{tag}`: captures are whole pieces between slashes.
    std::string method;  ///< The one it is asked with; empty: as its target is.
    std::string to;      ///< `/invalidate/tag/{tag}`.
    std::string reply;   ///< The shape of its answer, as JSON; empty: the target's.
  };
  std::vector<Alias> aliases;
};

struct LogSettings {
#define PANNIER_LOG PANNIER_MEMBER
#include "policies/settings.def"
};

struct CoalesceSettings {
#define PANNIER_COALESCE PANNIER_MEMBER
#include "policies/settings.def"
};

/// Of a tier's copies.
struct TierLocalSettings {
#define PANNIER_TIER_LOCAL PANNIER_MEMBER
#include "policies/settings.def"
};

/// A table that stands behind the values of a tier.
struct SecondTierSettings {
#define PANNIER_SECOND_TIER PANNIER_MEMBER
#include "policies/settings.def"
  std::size_t read = 0;  ///< Its sql_get, as one of Origins::all.
};

struct VersionSettings {
#define PANNIER_VERSION PANNIER_MEMBER
#include "policies/settings.def"
  /// Which share of the clients uses which, to begin with; empty: all the current one.
  VersionWeights versions;
};

/// How long values live and who may compute them; rules share tiers.
struct TierSettings {
  std::string name;
#define PANNIER_TIER PANNIER_MEMBER
#include "policies/settings.def"
  DatedTtl dated;  ///< If the TTL depends on a day; then `ttl` is the longer of both.
  TierLocalSettings local;
  CoalesceSettings coalesce;
  std::optional<SecondTierSettings> second_tier;
};

/// Tags that a value has because of what stands in it.
struct TagSource {
  JsonPath json;
  std::string as;  ///< `product:{}`: each scalar found, and captures of the key, are put in.
};

/// Values that live less long because of what stands in them.
struct IncompleteSettings {
  JsonPath json;
  std::string is = "false";  ///< A scalar there that says so.
  milliseconds ttl{0};       ///< 0: there are no such values.
};

/// Which keys, and what is done with them. The first rule that matches a key is the key's rule.
struct RuleSettings {
  std::string name;  ///< Its prefix without a trailing colon unless given; unique.
  std::vector<protocol::KeyPattern> match;
  std::size_t tier = 0;           ///< Index into Settings::tiers.
  std::vector<std::string> tags;  ///< Templates: `dashboard`, `tenant:{id}`; captures are checked.
  std::vector<TagSource> tags_from;
  IncompleteSettings incomplete;
  bool runtime_tags = false;  ///< Whether PANNIER TAG may give its keys tags.
  bool index = true;          ///< Whether keys are listed under their tags upstream.
  /// The captures that say which days a key is about: one, or the first day's and the last's.
  std::vector<std::string> dates;
  VersionSettings version;
  std::optional<std::size_t> origin;  ///< Who loads what is missing; index into Origins::all.
  std::vector<std::string> prefetch;  ///< Keys with origins that a read of one of these starts.
};

/// Commands that are refused unless the configuration says otherwise.
const std::vector<std::string>& denied_by_default();

/// One configuration, whole and checked: what a file says, or the defaults.
struct Settings {
#define PANNIER_GENERAL PANNIER_MEMBER
#include "policies/settings.def"
  std::vector<std::string> deny = denied_by_default();  ///< `monitor`, `config|set`; lower case.
  UpstreamSettings upstream;
  std::string mode_from = "configuration";  ///< Or the environment variable that said so.
  // What upstream.url says beside the address; the owner of the connections sets it.
  Credentials upstream_login;
  std::uint32_t upstream_db = 0;  ///< Where clients begin.
  AuthSettings auth;
  TlsSettings tls;
  MemorySettings memory;
  LocalSettings local;
  JournalSettings journal;
  SelfCheckSettings self_check;
  LimitSettings limits;
  AdminSettings admin;
  LogSettings log;
  std::vector<TierSettings> tiers;
  std::vector<RuleSettings> rules;
  std::shared_ptr<const Automation> automation;  ///< Events, schedules, hooks; null: none.
  std::shared_ptr<const Origins> origins;        ///< Databases and their queries; null: none.
};

#undef PANNIER_MEMBER

}  // namespace pannier::policies
