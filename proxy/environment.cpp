#include "proxy/environment.hpp"

#include <algorithm>
#include <iterator>

#include "policies/spelling.hpp"
#include "protocol/command_table.hpp"

namespace pannier::proxy {

namespace {

using policies::Mode;

constexpr const char* own_name = "PANNIER_MODE";

/// A switch of an application: what it asks for when it is `asks`.
struct Switch {
  const char* name;
  bool asks;
  Mode mode;
};
constexpr Switch switches[] = {
    {"CACHE_DISABLE", true, Mode::bypass}, {"CACHE_DISABLED", true, Mode::bypass},
    {"DISABLE_CACHE", true, Mode::bypass}, {"CACHE_ENABLED", false, Mode::bypass},
    {"ENABLE_CACHE", false, Mode::bypass}, {"SKIP_REDIS", true, Mode::memory},
    {"REDIS_ENABLED", false, Mode::memory}};

constexpr std::string_view yes[] = {"1", "true", "yes", "on"};
constexpr std::string_view no[] = {"0", "false", "no", "off"};

std::optional<bool> as_switch(std::string_view lower) {
  if (std::find(std::begin(yes), std::end(yes), lower) != std::end(yes)) return true;
  if (std::find(std::begin(no), std::end(no), lower) != std::end(no)) return false;
  return std::nullopt;
}

}  // namespace

boost::system::result<std::optional<ModeWish>, std::string> mode_wish(const Environment& value_of) {
  std::optional<ModeWish> wish;
  const auto text_of = [&](const char* name) {
    const char* value = value_of(name);
    return protocol::lower(value == nullptr ? "" : value);
  };
  if (const auto text = text_of(own_name); !text.empty()) {
    Mode mode{};
    if (const auto wrong = policies::parse_setting(text, mode); !wrong.empty()) {
      return std::string(own_name) + ": " + wrong;
    }
    return std::optional(ModeWish{mode, own_name});
  }
  for (const auto& [name, asks, mode] : switches) {
    const auto text = text_of(name);
    if (text.empty()) continue;
    const auto is_on = as_switch(text);
    if (!is_on) {
      return std::string(name) + ": " + policies::quoted(text) +
             " is neither 1, true, yes, on nor 0, false, no, off";
    }
    if (*is_on != asks) continue;
    if (wish && wish->mode != mode) {
      return wish->variable + " asks for mode " + setting_text(wish->mode) + ", " + name +
             " for mode " + setting_text(mode) + "; say which with " + own_name;
    }
    if (!wish) wish = ModeWish{mode, name};
  }
  return wish;
}

boost::system::result<std::optional<bool>, std::string> warm_wish(const Environment& value_of) {
  constexpr const char* name = "WARM_CACHE_ON_STARTUP";
  const char* value = value_of(name);
  const auto text = protocol::lower(value == nullptr ? "" : value);
  if (text.empty()) return std::optional<bool>();
  if (const auto is_on = as_switch(text)) return is_on;
  return std::string(name) + ": " + policies::quoted(text) +
         " is neither 1, true, yes, on nor 0, false, no, off";
}

}  // namespace pannier::proxy
