#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "policies/time.hpp"

namespace pannier::policies {

/// The types a setting can have. Each has one strict grammar, read by parse_setting() and written
/// back by setting_text(); what one writes the other reads.
///
/// - milliseconds: digits and a unit, `250ms 30s 5m 1h 30d`; no bare number but `0`, no sign, no
///   fraction, no leading zero.
/// - Bytes: digits and a unit, `512B 64KiB 1MiB 2GiB` (binary units only).
/// - Ratio: `0%` to `100%`, whole percent.
/// - Share: as a Ratio, with up to three digits after a point, `0.1%`.
/// - Count: digits.
/// - bool: `true` or `false`, nothing else (`yes`, `on` are refused: YAML readers disagree on
/// them).
/// - Refresh: `off`, `xfetch` or a share, `1%` to `99%`.
/// - enums: one of their names.
struct Bytes {
  std::uint64_t value = 0;
};
struct Ratio {
  double value = 0;  ///< 0 to 1.
};
struct Share {
  static constexpr std::uint32_t whole = 100'000;
  std::uint32_t parts = 0;  ///< Of `whole`.
};
struct Count {
  std::uint64_t value = 0;
};

/// When a value is loaded anew while it is still fresh: `off`; from a share of its TTL on, `50%`;
/// or `xfetch`, the more likely the nearer its end and the longer its loads take.
struct Refresh {
  enum class How : std::uint8_t { off, at_share, xfetch } how = How::off;
  Ratio share;
};

enum class CacheMode : std::uint8_t { normal, never };
/// Whose TTL a SET gets: always the tier's; the client's but at most the tier's; the client's where
/// it gives one.
enum class TtlMode : std::uint8_t { tier, cap, by_default };
/// A value whose expiry the sidecar did not set: give it the tier's life; believe it; ignore it.
enum class Foreign : std::uint8_t { adopt, trust, miss };
/// What a rule's keys get while upstream is away.
enum class OnDown : std::uint8_t { error, miss, memory, stale };
/// Who shares a lease: nobody (no leases), the clients of this sidecar, those of all sidecars.
enum class CoalesceScope : std::uint8_t { off, sidecar, fleet };
/// Who keeps a SET from storing what was computed before the key was removed: nobody, this sidecar
/// (removals through it, or that upstream tells of), all sidecars.
enum class Guard : std::uint8_t { off, sidecar, fleet };
enum class VersionMode : std::uint8_t { none, transparent, explicit_in_key };
/// What a read that misses the current version of a key may get of the one before.
enum class Fallback : std::uint8_t { off, stale };
enum class Mode : std::uint8_t { normal, bypass, memory };
/// As whom clients work upstream: as the sidecar, or each as the user it names.
enum class AuthMode : std::uint8_t { shared, pass_through };
/// What somebody may ask of PANNIER and the admin port: nothing; to look; to make values invalid as
/// well; everything. Each may do what those before it may.
enum class Role : std::uint8_t { none, read, invalidate, admin };
/// What an origin's query answers.
enum class OriginResult : std::uint8_t { rows, row, scalar, raw };
/// What whoever asks is told when it fails.
enum class OnError : std::uint8_t { error, nil };
/// What a parameter of a query must look like.
enum class ParameterType : std::uint8_t {
  text,
  integer,
  number,
  boolean,
  date,
  timestamp,
  uuid,
  json
};
enum class LogLevel : std::uint8_t { debug, info, warning, error };

/// Each reads `raw` into `out`. \returns an empty string, or what is wrong and what would be right
/// ("'5' has no unit; write 5s, 5m or 5ms").
std::string parse_setting(std::string_view raw, milliseconds& out);
std::string parse_setting(std::string_view raw, Bytes& out);
std::string parse_setting(std::string_view raw, Ratio& out);
std::string parse_setting(std::string_view raw, Share& out);
std::string parse_setting(std::string_view raw, Count& out);
std::string parse_setting(std::string_view raw, bool& out);
std::string parse_setting(std::string_view raw, std::string& out);
std::string parse_setting(std::string_view raw, CacheMode& out);
std::string parse_setting(std::string_view raw, TtlMode& out);
std::string parse_setting(std::string_view raw, Foreign& out);
std::string parse_setting(std::string_view raw, OnDown& out);
std::string parse_setting(std::string_view raw, CoalesceScope& out);
std::string parse_setting(std::string_view raw, VersionMode& out);
std::string parse_setting(std::string_view raw, Fallback& out);
std::string parse_setting(std::string_view raw, Mode& out);
std::string parse_setting(std::string_view raw, Refresh& out);
std::string parse_setting(std::string_view raw, Guard& out);
std::string parse_setting(std::string_view raw, AuthMode& out);
std::string parse_setting(std::string_view raw, Role& out);
std::string parse_setting(std::string_view raw, OriginResult& out);
std::string parse_setting(std::string_view raw, OnError& out);
std::string parse_setting(std::string_view raw, ParameterType& out);
std::string parse_setting(std::string_view raw, LogLevel& out);

std::string setting_text(milliseconds value);  ///< The largest unit that divides it.
std::string setting_text(Bytes value);
std::string setting_text(Ratio value);
std::string setting_text(Share value);
std::string setting_text(Count value);
std::string setting_text(bool value);
std::string setting_text(const std::string& value);
std::string setting_text(CacheMode value);
std::string setting_text(TtlMode value);
std::string setting_text(Foreign value);
std::string setting_text(OnDown value);
std::string setting_text(CoalesceScope value);
std::string setting_text(VersionMode value);
std::string setting_text(Fallback value);
std::string setting_text(Mode value);
std::string setting_text(Refresh value);
std::string setting_text(Guard value);
std::string setting_text(AuthMode value);
std::string setting_text(Role value);
std::string setting_text(OriginResult value);
std::string setting_text(OnError value);
std::string setting_text(ParameterType value);
std::string setting_text(LogLevel value);

}  // namespace pannier::policies
