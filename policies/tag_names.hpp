#pragma once

#include <string>
#include <string_view>

namespace pannier::policies {

/// A tag as the sidecar's own keys know it (`pn:g:<name>`, `pn:t:<name>`), whatever it is made of:
/// at most 256 visible ASCII bytes, neither `{` nor `}` nor a quote among them. Other bytes become
/// `%` and two digits. What would be longer is cut, and ends in `~` and a hash of the whole tag.
/// The name of a name is the name, so what is shown can be said.
///
/// A tag that itself looks like another one's name shares that one's generation: an invalidation of
/// either is one of both, which is too much, never too little.
std::string tag_name(std::string_view tag);

/// Whether the tag is its own name, as nearly all are.
bool is_tag_name(std::string_view tag);

}  // namespace pannier::policies
