#pragma once

#include <cstdint>
#include <cstdlib>
#include <string_view>

/// Stops the fuzzer with this input when a claim does not hold.
inline void check(bool claim) {
  if (!claim) std::abort();
}

inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// Piece sizes from 1 to 32 that a seed byte determines.
class Pieces {
 public:
  explicit Pieces(std::uint8_t seed) : state_(seed) {}

  std::size_t next(std::size_t left) {
    state_ = state_ * 1103515245u + 12345u;
    const std::size_t size = 1 + (state_ >> 16) % 32;
    return size < left ? size : left;
  }

 private:
  std::uint32_t state_;
};
