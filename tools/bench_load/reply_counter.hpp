#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace bench_load {

/// Counts the replies in the bytes of one connection, given what every good one looks like: a
/// head that is known byte for byte and a rest of known length. Bytes may come in any pieces.
/// An error (`-...`) and a nil (`$-1`, a GET that missed) count as replies and as errors.
class ReplyCounter {
 public:
  /// `head` must outlive this object.
  ReplyCounter(std::string_view head, std::size_t rest) : head_(head), rest_(rest) {}

  /// How many replies end within `bytes`.
  /// \throws std::runtime_error at a reply that is neither good nor an error.
  std::size_t feed(std::string_view bytes);

  /// How many of them were errors since the last call.
  std::uint64_t take_errors() { return std::exchange(errors_, 0); }

  const std::string& first_error() const { return first_error_; }

 private:
  std::size_t take_piece(std::string_view& bytes);
  std::size_t take_other(std::string_view& bytes);

  std::string_view head_;
  std::size_t rest_;
  std::size_t matched_ = 0;  ///< Bytes of `head_` seen of a reply that is not whole yet.
  std::size_t skip_ = 0;     ///< Bytes of the rest still to come.
  std::string other_;        ///< The line so far of a reply that differs from `head_`.
  std::uint64_t errors_ = 0;
  std::string first_error_;
};

}  // namespace bench_load
