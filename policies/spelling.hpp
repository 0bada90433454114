#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pannier::policies {

/// The words of error texts about something a person has written.

/// `'text'`, on one line: control bytes become `?`, and more than 60 bytes are cut.
std::string quoted(std::string_view text);

/// The one of `names` that `word` was probably meant to be (few letters wrong, missing, swapped, in
/// another case, or only its beginning); empty when none is near. The first of equally near ones.
std::string_view nearest_name(std::string_view word, const std::vector<std::string_view>& names);

/// ` (did you mean 'ttl'?)`, or ` (known: cache, ttl)` when no name is near.
std::string suggestion(std::string_view word, const std::vector<std::string_view>& names);

}  // namespace pannier::policies
