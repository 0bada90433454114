#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "proxy/config.hpp"

namespace pannier::proxy {

/// A configuration named `c`, and what is wrong with it: `line:column: sentence`.
struct ErrorRow {
  std::string yaml, error;
};

inline std::string error_of(std::string_view yaml) {
  const auto result = parse_config(yaml, "c");
  return result ? "nothing" : result.error();
}

inline void check_rows(const std::vector<ErrorRow>& rows) {
  for (const ErrorRow& row : rows) {
    CAPTURE(row.yaml);
    CHECK(error_of(row.yaml) == "c:" + row.error);
  }
}

/// A rule in line 3, with two tiers to choose from; `rest` is what it says.
inline std::string rule(const std::string& rest) {
  return "tiers: {t: {ttl: 1s}, n: {cache: never}}\nrules:\n- {" + rest + "}\n";
}

}  // namespace pannier::proxy
