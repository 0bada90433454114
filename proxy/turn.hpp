#pragma once

#include <sys/types.h>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "policies/time.hpp"

namespace pannier::proxy {

class Tls;

/// What everything that runs in one turn of the loop shares.
///
/// Sockets are read into one buffer: a connection holds memory of its own only while a command or a
/// reply is incomplete. Writes are collected, and sent once at the end of the turn.
struct Turn {
  static constexpr std::size_t read_size = 128 * 1024;
  static constexpr std::size_t rest_size = 16 * 1024;
  static constexpr std::size_t sealed_size = 96 * 1024;

  policies::TimePoint now{};  ///< Read once per event.
  std::array<char, rest_size + read_size> buffer;
  std::array<char, sealed_size> sealed;  ///< What TLS reads before it opens it into `buffer`.
};

/// What one read brought, together with what an earlier one had left.
struct Received {
  ssize_t got = 0;         ///< As recv() returns it; errno says more when it is negative.
  std::string_view bytes;  ///< The rest and the new bytes; in the turn's buffer or in `large`.
  std::string large;       ///< Their storage where the rest is large.
};

/// Reads from `fd` without waiting, through `tls` unless it is null. `rest`, which came before, is
/// put in front and emptied, unless nothing was read. A small rest is copied in front of the new
/// bytes, not they behind it.
Received receive(Turn& turn, int fd, Tls* tls, std::string& rest);

/// Whether the peer has closed its side, whatever it sent before.
bool peer_is_gone(int fd);

/// Why the last receive() or send() failed, by its errno or what TLS says.
std::string failure_of(const Tls* tls);

/// Bytes to be sent, taken off at the front without moving the others.
class Outbox {
 public:
  bool empty() const { return sent_ == bytes_.size(); }
  std::size_t size() const { return bytes_.size() - sent_; }
  /// To append to.
  std::string& bytes() { return bytes_; }
  void clear();
  /// Gives all memory back. REQUIRES empty().
  void release();

  /// Sends what the socket takes, through `tls` unless it is null. \returns false on an error other
  /// than "try again"; see failure_of().
  bool send(int fd, Tls* tls = nullptr);

 private:
  std::string bytes_;
  std::size_t sent_ = 0;
};

}  // namespace pannier::proxy
