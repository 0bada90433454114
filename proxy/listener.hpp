#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "proxy/address.hpp"
#include "proxy/loop.hpp"

namespace pannier::proxy {

/// Accepts connections at one address. A Unix socket is made with mode 0600 and removed at the end;
/// a leftover of an earlier run that nobody listens on is replaced.
class Listener {
 public:
  using Accept = std::function<void(Socket socket)>;

  /// \throws std::runtime_error `cannot listen on 127.0.0.1:6380: address already in use`.
  Listener(Loop& loop, const Address& address, Accept accept);
  ~Listener();

  /// Where it listens, with the port that port 0 became.
  std::string text() const;
  void stop();

 private:
  struct Sockets;
  void wait();
  void accept_some();
  void complain(const std::string& error);

  Loop& loop_;
  Address address_;
  Accept accept_;
  std::unique_ptr<Sockets> sockets_;
  Timer pause_;  ///< Out of descriptors: neither stop for ever nor spin ...
  std::optional<policies::TimePoint> complained_;  ///< ... nor say so ten times a second.
};

}  // namespace pannier::proxy
