#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "policies/settings.hpp"
#include "policies/time.hpp"
#include "policies/version_record.hpp"

namespace pannier::policies {

/// The current version of each versioned resource, `{resource}...:v{n}`.
///
/// The truth is one key upstream, `pn:v:<name>`, a VersionRecord, read over the tracked lane. A
/// version never goes back: the highest ever seen here, configured or upstream wins, and is written
/// back where upstream lost it. Before it was read once it is not known, and must not be guessed:
/// an old version could hold old data.
class KeyVersions {
 public:
  static constexpr std::string_view key_prefix = "pn:v:";

  struct Version : VersionRecord {
    Version() { current = 1; }
    std::uint32_t number = 0;       ///< Of its name here, always the same.
    VersionWeights configured;      ///< Weights that count while upstream has none.
    std::uint64_t swept = 0;        ///< What is older than this one is being removed, or was.
    ServerTime sweep_after{};       ///< When that may be tried again.
    bool known = false;             ///< Upstream has answered, or there is no upstream.
    bool must_read = true;          ///< Something newer may be upstream.
    std::string problem;            ///< Why upstream refuses to tell; empty when it does not.
    bool configured_later = false;  ///< Upstream's record is missing or older than what is known.

    /// The weights that count; empty: everybody uses the current version.
    const VersionWeights& shares() const;
    /// The newest that any client may have been given.
    std::uint64_t newest() const;
    /// Whether the version before is in its grace.
    bool in_grace(ServerTime now) const { return previous > 0 && now < bumped_at + grace; }
  };

  /// The versions of a new configuration; what is known of names that stay is kept.
  void configure(const Settings& settings);

  /// Null when no rule has a version of that name.
  const Version* find(std::string_view name) const;
  const std::map<std::string, Version, std::less<>>& all() const { return versions_; }

  /// Upstream's record of `name` (empty: there is none).
  void learn(std::string_view name, std::string_view record);
  /// Upstream answered the question with an error.
  void unreadable(std::string_view name, std::string_view error);
  /// Upstream's key of a version changed or is not tracked any more.
  void outdate(std::string_view name);
  void outdate_all();
  /// Upstream was lost: others may bump without our hearing of it, so each is unknown until it was
  /// read again.
  void forget_all();
  /// It is being read: not to be asked for again until it is outdated.
  void reading(std::string_view name);
  /// What is older than `current` is being removed; or that failed, and waits until `again`.
  void sweeping(std::string_view name, std::uint64_t current);
  void sweep_failed(std::string_view name, ServerTime again);
  /// There is no upstream: what is known here is all there is.
  void settle_without_upstream();

  /// The version that a client uses who is called `client`, or by what tells it from others.
  static std::uint64_t version_for(const Version& version, std::string_view name,
                                   std::string_view client);

  /// What a key ending in `version` of an explicit rule may still do.
  enum class Standing { current, grace, retired };
  static Standing standing(const Version& version, std::uint64_t asked, ServerTime now);

 private:
  std::map<std::string, Version, std::less<>> versions_;
  std::map<std::string, std::uint32_t, std::less<>> numbers_;  ///< Of names that there ever were.
};

/// The version's name: its own, or the rule's.
const std::string& version_name(const RuleSettings& rule);

}  // namespace pannier::policies
