#pragma once

#include <cstddef>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include "tools/bench_load/socket.hpp"

namespace bench_readers {

/// `*2\r\n$3\r\nGET\r\n...`
void append_command(std::string& out, std::initializer_list<std::string_view> args);

struct Reply {
  bool null = false;
  bool error = false;
  std::string_view text;  ///< Without its length; valid until the next call on the wire.
};

/// A connection that speaks the little of RESP2 that GET, SET and PING need.
class Wire {
 public:
  /// \throws std::system_error
  explicit Wire(const std::string& address) : socket_(bench_load::connect_to(address)) {}

  int fd() const { return socket_.fd(); }
  /// Closes it with a reset, as when the process that owns it is killed.
  void abort();

  /// Is sent with the next flush().
  void ask(std::initializer_list<std::string_view> args) { append_command(unsent_, args); }
  /// Sends what there is room for. \returns whether nothing is left. \throws std::system_error
  bool flush();

  /// Takes in what has arrived. \throws std::runtime_error when the peer has closed.
  void receive();
  /// The next whole reply. \throws std::runtime_error for one of another kind.
  std::optional<Reply> next();

  /// Sends it and waits for its reply, one at a time. \throws as above, and after 5 s of silence.
  Reply call(std::initializer_list<std::string_view> args);

 private:
  bench_load::Socket socket_;
  std::string unsent_, received_;
  std::size_t taken_ = 0;
};

}  // namespace bench_readers
