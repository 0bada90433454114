#pragma once

#include <unistd.h>

#include <string>
#include <utility>

namespace bench_load {

/// Owns a descriptor.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int fd) : fd_(fd) {}
  Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }

  int fd() const { return fd_; }

 private:
  int fd_ = -1;
};

/// A connected, non-blocking stream socket; with TCP, without Nagle's delay.
/// `address` is `A.B.C.D:PORT` or `unix:PATH`.
/// \throws std::system_error, and std::invalid_argument for an address that is neither.
Socket connect_to(const std::string& address);

}  // namespace bench_load
