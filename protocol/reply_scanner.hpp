#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "protocol/errc.hpp"

namespace pannier::protocol {

/// Finds where replies end in a stream of RESP2 or RESP3, looking at each byte once and holding
/// none, so that a reply of any size can be passed on piece by piece.
///
/// A push (`>`) is scanned like a reply; its reader tells them apart by kind(). An attribute
/// (`|`) is part of the reply that follows it.
class ReplyScanner {
 public:
  enum class Status { complete, incomplete, failed };
  struct Step {
    Status status = Status::incomplete;
    /// Bytes of the current reply that are settled: with `complete` the rest of the reply, with
    /// `incomplete` everything but a length line that has not arrived whole. The caller may pass
    /// them on and drop them; the next call begins behind them.
    std::size_t consumed = 0;
    Errc error{};
  };

  /// Reads on in the current reply; after `complete` the next call begins a new one.
  Step scan(std::string_view bytes);

  /// The type byte of the reply that is being scanned or was completed last (`+ - : $ * _ , # (
  /// ! = % ~ >`), the one behind an attribute. 0 while not even that has arrived.
  char kind() const { return kind_; }

  /// Whether the current reply has begun and is not complete.
  bool inside() const { return inside_; }

  static constexpr std::size_t max_depth = 128;
  static constexpr std::size_t max_line = 64u << 10;

 private:
  /// What one look at the stream came to.
  enum class Seen { element, part, attribute, incomplete, bad, too_deep };

  Seen read_element(const char*& at, const char* end);
  Seen read_payload(const char*& at, const char* end);
  Seen open_aggregate(char type, std::uint64_t length);
  bool close_element();

  std::vector<std::uint64_t> open_;  ///< Elements still to come, per level of nesting.
  std::uint64_t payload_ = 0;        ///< Bytes of a bulk string still to come, with its CR LF.
  std::uint32_t searched_ = 0;       ///< Bytes of an unfinished line that hold no CR.
  char kind_ = 0;
  bool inside_ = false;
};

}  // namespace pannier::protocol
