#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/command_parser.hpp"

namespace pannier::protocol {

/// Follows one request whose bytes are passed on before all of them have come: it only looks for
/// the end. Begins in the middle of an argument; as strict as CommandParser.
class RequestStream {
 public:
  enum class Status { more, complete, failed };

  /// \param payload bytes of the argument that are still to come, without its line end.
  /// \param arguments how many follow it. \param size bytes of the request so far.
  RequestStream(std::size_t payload, std::size_t arguments, std::size_t size, const Limits& limits)
      : payload_(payload + 2), arguments_(arguments), size_(size), limits_(&limits) {}

  /// Takes what belongs to the request off the front of `bytes`.
  /// \returns how many bytes; fewer than all only when it is complete or failed.
  std::size_t feed(std::string_view bytes);

  Status status() const { return status_; }
  Errc error() const { return error_; }  ///< With failed.
  char found() const { return found_; }  ///< With Errc::expected_bulk: what stood there instead.

 private:
  bool feed_payload(std::string_view& bytes);
  bool feed_line(std::string_view& bytes);
  void take(std::string_view& bytes, std::size_t count);
  bool fail(Errc error, char found = 0);

  std::size_t payload_;  ///< Bytes of the argument to come, with its line end; 0: a line comes.
  std::size_t arguments_;
  std::size_t size_;  ///< Of what was taken, with what came before it.
  const Limits* limits_;
  std::string line_;
  Status status_ = Status::more;
  Errc error_{};
  char found_ = 0;
};

}  // namespace pannier::protocol
