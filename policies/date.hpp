#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "policies/time.hpp"

namespace pannier::policies {

/// A day in UTC.
using Date = std::chrono::sys_days;

/// `2026-11-21` or `20261121`; nothing for any other text and for days that no calendar has.
std::optional<Date> parse_date(std::string_view text);

/// As `2026-11-21`.
std::string date_text(Date date);

/// The day on which that moment lies.
Date date_of(ServerTime time);

}  // namespace pannier::policies
