#include <array>
#include <vector>

#include "policies/setting_types.hpp"
#include "policies/spelling.hpp"

// The settings whose values are names, and how each name is written.

namespace pannier::policies {
namespace {

template <class Enum>
struct Named {
  Enum value;
  std::string_view name;
};

constexpr std::array<Named<CacheMode>, 2> cache_modes{
    {{CacheMode::normal, "normal"}, {CacheMode::never, "never"}}};
constexpr std::array<Named<TtlMode>, 3> ttl_modes{
    {{TtlMode::tier, "tier"}, {TtlMode::cap, "cap"}, {TtlMode::by_default, "default"}}};
constexpr std::array<Named<Foreign>, 3> foreign_modes{
    {{Foreign::adopt, "adopt"}, {Foreign::trust, "trust"}, {Foreign::miss, "miss"}}};
constexpr std::array<Named<OnDown>, 4> down_modes{{{OnDown::error, "error"},
                                                   {OnDown::miss, "miss"},
                                                   {OnDown::memory, "memory"},
                                                   {OnDown::stale, "stale"}}};
constexpr std::array<Named<AuthMode>, 2> auth_modes{
    {{AuthMode::shared, "shared"}, {AuthMode::pass_through, "pass_through"}}};
constexpr std::array<Named<CoalesceScope>, 3> coalesce_scopes{{{CoalesceScope::off, "off"},
                                                               {CoalesceScope::sidecar, "sidecar"},
                                                               {CoalesceScope::fleet, "fleet"}}};
constexpr std::array<Named<Guard>, 3> guards{
    {{Guard::off, "off"}, {Guard::sidecar, "sidecar"}, {Guard::fleet, "fleet"}}};
constexpr std::array<Named<VersionMode>, 3> version_modes{
    {{VersionMode::none, "none"},
     {VersionMode::transparent, "transparent"},
     {VersionMode::explicit_in_key, "explicit"}}};
constexpr std::array<Named<Fallback>, 2> fallbacks{
    {{Fallback::off, "off"}, {Fallback::stale, "stale"}}};
constexpr std::array<Named<Mode>, 3> modes{
    {{Mode::normal, "normal"}, {Mode::bypass, "bypass"}, {Mode::memory, "memory"}}};
constexpr std::array<Named<Role>, 4> roles{{{Role::none, "none"},
                                            {Role::read, "read"},
                                            {Role::invalidate, "invalidate"},
                                            {Role::admin, "admin"}}};
constexpr std::array<Named<OriginResult>, 4> origin_results{{{OriginResult::rows, "rows"},
                                                             {OriginResult::row, "row"},
                                                             {OriginResult::scalar, "scalar"},
                                                             {OriginResult::raw, "raw"}}};
constexpr std::array<Named<OnError>, 2> error_answers{
    {{OnError::error, "error"}, {OnError::nil, "nil"}}};
constexpr std::array<Named<ParameterType>, 8> parameter_types{
    {{ParameterType::text, "text"},
     {ParameterType::integer, "integer"},
     {ParameterType::number, "number"},
     {ParameterType::boolean, "boolean"},
     {ParameterType::date, "date"},
     {ParameterType::timestamp, "timestamp"},
     {ParameterType::uuid, "uuid"},
     {ParameterType::json, "json"}}};
constexpr std::array<Named<LogLevel>, 4> log_levels{{{LogLevel::debug, "debug"},
                                                     {LogLevel::info, "info"},
                                                     {LogLevel::warning, "warning"},
                                                     {LogLevel::error, "error"}}};

template <class Table, class Enum>
std::string parse_name(std::string_view raw, const Table& table, Enum& out) {
  std::vector<std::string_view> names;
  std::string list;
  for (const auto& [value, name] : table) {
    if (name == raw) {
      out = value;
      return {};
    }
    names.push_back(name);
    list += list.empty() ? "" : name == table.back().name ? " or " : ", ";
    list += name;
  }
  const auto nearest = nearest_name(raw, names);
  if (nearest.empty()) return quoted(raw) + " is not " + list;
  return quoted(raw) + " is not " + list + " (did you mean " + quoted(nearest) + "?)";
}

template <class Table, class Enum>
std::string name_of(const Table& table, Enum value) {
  for (const auto& [candidate, name] : table) {
    if (candidate == value) return std::string(name);
  }
  return {};
}

}  // namespace

std::string parse_setting(std::string_view raw, CacheMode& out) {
  return parse_name(raw, cache_modes, out);
}
std::string parse_setting(std::string_view raw, TtlMode& out) {
  return parse_name(raw, ttl_modes, out);
}
std::string parse_setting(std::string_view raw, Foreign& out) {
  return parse_name(raw, foreign_modes, out);
}
std::string parse_setting(std::string_view raw, OnDown& out) {
  return parse_name(raw, down_modes, out);
}
std::string parse_setting(std::string_view raw, CoalesceScope& out) {
  return parse_name(raw, coalesce_scopes, out);
}
std::string parse_setting(std::string_view raw, Guard& out) { return parse_name(raw, guards, out); }
std::string parse_setting(std::string_view raw, VersionMode& out) {
  return parse_name(raw, version_modes, out);
}
std::string parse_setting(std::string_view raw, Fallback& out) {
  return parse_name(raw, fallbacks, out);
}
std::string parse_setting(std::string_view raw, Mode& out) { return parse_name(raw, modes, out); }
std::string parse_setting(std::string_view raw, AuthMode& out) {
  return parse_name(raw, auth_modes, out);
}
std::string parse_setting(std::string_view raw, Role& out) { return parse_name(raw, roles, out); }
std::string parse_setting(std::string_view raw, OriginResult& out) {
  return parse_name(raw, origin_results, out);
}
std::string parse_setting(std::string_view raw, OnError& out) {
  return parse_name(raw, error_answers, out);
}
std::string parse_setting(std::string_view raw, ParameterType& out) {
  return parse_name(raw, parameter_types, out);
}
std::string parse_setting(std::string_view raw, LogLevel& out) {
  return parse_name(raw, log_levels, out);
}

std::string setting_text(CacheMode value) { return name_of(cache_modes, value); }
std::string setting_text(TtlMode value) { return name_of(ttl_modes, value); }
std::string setting_text(Foreign value) { return name_of(foreign_modes, value); }
std::string setting_text(OnDown value) { return name_of(down_modes, value); }
std::string setting_text(CoalesceScope value) { return name_of(coalesce_scopes, value); }
std::string setting_text(Guard value) { return name_of(guards, value); }
std::string setting_text(VersionMode value) { return name_of(version_modes, value); }
std::string setting_text(Fallback value) { return name_of(fallbacks, value); }
std::string setting_text(Mode value) { return name_of(modes, value); }
std::string setting_text(AuthMode value) { return name_of(auth_modes, value); }
std::string setting_text(Role value) { return name_of(roles, value); }
std::string setting_text(OriginResult value) { return name_of(origin_results, value); }
std::string setting_text(OnError value) { return name_of(error_answers, value); }
std::string setting_text(ParameterType value) { return name_of(parameter_types, value); }
std::string setting_text(LogLevel value) { return name_of(log_levels, value); }

}  // namespace pannier::policies
