// Answers every GET with the same value and understands nothing: what sockets alone cost, and so
// what a cache that answers by itself can reach at best. A command is five lines that end in LF.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace {

constexpr std::size_t lines_in_get = 5;
constexpr std::size_t buffer_bytes = 64 * 1024;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

class Responder {
 public:
  Responder(std::uint16_t port, std::size_t size) : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    const std::string reply = '$' + std::to_string(size) + "\r\n" + std::string(size, 'x') + "\r\n";
    reply_size_ = reply.size();
    while (replies_.size() < buffer_bytes) replies_ += reply;
    listen(port);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 256> events;
    for (;;) {
      const int ready = ::epoll_wait(epoll_, events.data(), int(events.size()), -1);
      if (ready < 0 && errno != EINTR) fail("epoll_wait");
      for (int i = 0; i < ready; ++i) {
        const int fd = events[std::size_t(i)].data.fd;
        if (fd == listener_) {
          accept();
        } else {
          serve(fd);
        }
      }
    }
  }

 private:
  void listen(std::uint16_t port) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_port = htons(port);
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(listener_, reinterpret_cast<const sockaddr*>(&here), sizeof(here)) != 0)
      fail("bind");
    if (::listen(listener_, 511) != 0) fail("listen");
    watch(listener_);
  }

  void watch(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) fail("epoll_ctl");
  }

  void accept() {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (std::size_t(fd) >= lines_.size()) lines_.resize(std::size_t(fd) + 1);
    lines_[std::size_t(fd)] = 0;
    watch(fd);
  }

  void serve(int fd) {
    const auto got = ::recv(fd, buffer_.data(), buffer_.size(), 0);
    if (got <= 0) {
      ::close(fd);
      return;
    }
    auto& lines = lines_[std::size_t(fd)];
    lines += std::size_t(std::count(buffer_.data(), buffer_.data() + got, '\n'));
    auto bytes = lines / lines_in_get * reply_size_;
    lines %= lines_in_get;
    while (bytes > 0) {
      const auto piece = std::min(bytes, replies_.size() / reply_size_ * reply_size_);
      if (::send(fd, replies_.data(), piece, MSG_NOSIGNAL) != ::ssize_t(piece)) break;
      bytes -= piece;
    }
  }

  int epoll_;
  int listener_ = -1;
  std::string replies_;
  std::size_t reply_size_ = 0;
  std::array<char, buffer_bytes> buffer_;
  std::vector<std::size_t> lines_;  ///< Of the command that is not whole yet, by descriptor.
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: bench_respond PORT VALUE_SIZE\nPrints {\"ready\": true} and serves.\n",
               stderr);
    return 2;
  }
  try {
    Responder responder(static_cast<std::uint16_t>(std::strtoul(argv[1], nullptr, 10)),
                        std::strtoul(argv[2], nullptr, 10));
    std::puts("{\"ready\": true}");
    std::fflush(stdout);
    responder.run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_respond: %s\n", error.what());
    return 1;
  }
}
