#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace pannier::protocol {

/// The protocol version a connection speaks.
enum class Resp : std::uint8_t { v2 = 2, v3 = 3 };

/// One command as a client sent it. Everything is a view that is valid until the parser that made
/// it is called again or the buffer it read is changed.
struct Command {
  std::span<const std::string_view> args;  ///< Name first; never empty.
  std::string_view wire;                   ///< The same arguments as a canonical RESP array.

  std::string_view name() const { return args[0]; }
};

}  // namespace pannier::protocol
