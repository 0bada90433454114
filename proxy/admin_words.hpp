#pragma once

#include <boost/system/result.hpp>
#include <span>
#include <string>
#include <string_view>

#include "policies/invalidation.hpp"

namespace pannier::proxy {

/// Reads the words behind PANNIER INVALIDATE: `TAG a b ALL SOFT`. `ALL` and `SOFT` are options at
/// the end only, and never all there is. \returns what is wrong; empty if it is the form as such.
boost::system::result<policies::Invalidation, std::string> invalidation_of(
    std::span<const std::string_view> words);

}  // namespace pannier::proxy
