#pragma once

#include <boost/system/result.hpp>
#include <string>
#include <string_view>

#include "policies/invalidation.hpp"

namespace pannier::proxy {

/// Reads what the body of POST /invalidate asks for, all of it in one:
///
///     {"keys": [...], "tags": [...], "all_of": [[...]], "patterns": [...], "rules": [...],
///      "ranges": [{"rule": ..., "from": "2026-11-01", "to": "2026-11-30"}], "soft": true}
///
/// \returns what is wrong with it: another name, another type, nothing to invalidate.
boost::system::result<policies::Invalidation, std::string> invalidation_of_json(
    std::string_view body);

}  // namespace pannier::proxy
