#pragma once

#include <boost/system/result.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/errc.hpp"

namespace pannier::protocol {

/// A piece of a buffer that may move: an offset instead of a pointer.
struct Slice {
  std::size_t offset, size;

  std::string_view in(std::string_view bytes) const { return {bytes.data() + offset, size}; }
};

/// Splits an inline request the way redis-cli and Redis quote: words between spaces, `"..."` with
/// `\n \r \t \b \a \xHH` and a backslash before any other byte, `'...'` with `\'` only. A quote may
/// open inside a word but must be followed by a space or the end where it closes.
///
/// Appends the arguments' bytes to `bytes` and their places in it to `slices`.
/// \returns an error for an open quote and for a NUL byte.
Result<void> split_inline(std::string_view line, std::string& bytes, std::vector<Slice>& slices);

}  // namespace pannier::protocol
