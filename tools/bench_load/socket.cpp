#include "tools/bench_load/socket.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <system_error>

namespace bench_load {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

template <typename Address>
Socket connect_as(int family, const Address& peer, const std::string& address) {
  Socket socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (socket.fd() < 0) fail("socket");
  if (::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&peer), sizeof(peer)) != 0)
    fail("connect to " + address);
  if (::fcntl(socket.fd(), F_SETFL, O_NONBLOCK) != 0) fail("O_NONBLOCK");
  return socket;
}

Socket connect_unix(const std::string& address, const std::string& path) {
  sockaddr_un peer{};
  peer.sun_family = AF_UNIX;
  if (path.size() >= sizeof(peer.sun_path))
    throw std::invalid_argument(address + ": the path is too long for a socket");
  std::memcpy(peer.sun_path, path.c_str(), path.size() + 1);
  return connect_as(AF_UNIX, peer, address);
}

Socket connect_tcp(const std::string& address) {
  const auto colon = address.rfind(':');
  sockaddr_in peer{};
  peer.sin_family = AF_INET;
  std::uint16_t port = 0;
  if (colon == std::string::npos ||
      ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &peer.sin_addr) != 1 ||
      std::from_chars(&address[colon] + 1, address.data() + address.size(), port).ptr !=
          address.data() + address.size())
    throw std::invalid_argument(address + ": expected A.B.C.D:PORT or unix:PATH");
  peer.sin_port = htons(port);
  Socket socket = connect_as(AF_INET, peer, address);
  const int on = 1;
  if (::setsockopt(socket.fd(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0)
    fail("TCP_NODELAY");
  return socket;
}

}  // namespace

Socket connect_to(const std::string& address) {
  if (address.starts_with("unix:")) return connect_unix(address, address.substr(5));
  return connect_tcp(address);
}

}  // namespace bench_load
