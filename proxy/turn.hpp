#pragma once

#include <array>
#include <cstddef>

#include "policies/time.hpp"

namespace pannier::proxy {

/// What everything that runs in one turn of the loop shares.
///
/// Sockets are read into one buffer: a connection holds memory of its own only while a command or a
/// reply is incomplete. Writes are collected, and sent once at the end of the turn.
struct Turn {
  static constexpr std::size_t read_size = 128 * 1024;

  policies::TimePoint now{};  ///< Read once per event.
  std::array<char, read_size> buffer;
};

}  // namespace pannier::proxy
