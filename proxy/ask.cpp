#include "proxy/ask.hpp"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>

#include "proxy/address.hpp"

namespace pannier::proxy {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds patience{2};
constexpr std::size_t longest_answer = 64 << 10;

/// A non-blocking socket and the moment after which it is not waited for.
class Connection {
 public:
  explicit Connection(int family) : fd_(::socket(family, SOCK_STREAM | SOCK_NONBLOCK, 0)) {}
  ~Connection() { ::close(fd_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool open(const sockaddr_storage& to, socklen_t size) {
    if (::connect(fd_, reinterpret_cast<const sockaddr*>(&to), size) == 0) return true;
    if (errno != EINPROGRESS || !wait(POLLOUT)) return false;
    int error = 0;
    socklen_t length = sizeof error;
    ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &length);
    errno = error;
    return error == 0;
  }

  /// Sends the request, which an empty buffer takes as a whole.
  /// \returns what came until the peer closed; nothing, with errno set, if it did not in time.
  std::optional<std::string> exchange(std::string_view request) {
    std::string answer;
    if (::send(fd_, request.data(), request.size(), MSG_NOSIGNAL) < 0) return {};
    for (char piece[4096]; wait(POLLIN);) {
      const auto size = ::recv(fd_, piece, sizeof piece, 0);
      if (size < 0) return {};
      if (size == 0 || answer.size() > longest_answer) return answer;
      answer.append(piece, static_cast<std::size_t>(size));
    }
    return {};
  }

 private:
  bool wait(short what) {
    using std::chrono::milliseconds;
    const auto left = std::chrono::ceil<milliseconds>(until_ - Clock::now()).count();
    pollfd one{fd_, what, 0};
    const int ready = ::poll(&one, 1, std::max(static_cast<int>(left), 0));
    if (ready == 0) errno = ETIMEDOUT;
    return ready > 0;
  }

  int fd_;
  Clock::time_point until_ = Clock::now() + patience;
};

/// \returns the size of what it wrote to `out`; 0 if the address has no numbers.
socklen_t write_address(const Address& address, sockaddr_storage& out) {
  const auto host = address.host == "localhost" ? std::string("127.0.0.1") : address.host;
  auto& v4 = reinterpret_cast<sockaddr_in&>(out);
  auto& v6 = reinterpret_cast<sockaddr_in6&>(out);
  if (::inet_pton(AF_INET, host.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(address.port);
    return sizeof v4;
  }
  if (::inet_pton(AF_INET6, host.c_str(), &v6.sin6_addr) != 1) return 0;
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(address.port);
  return sizeof v6;
}

}  // namespace

boost::system::result<HttpAnswer, std::string> ask(const std::string& text, std::string_view path,
                                                   std::string_view token) {
  const auto address = parse_address(text);
  sockaddr_storage to{};
  const auto size = address ? write_address(*address, to) : 0;
  if (size == 0) return std::string("it is not an address such as 127.0.0.1:9180");
  Connection connection(to.ss_family);
  if (!connection.open(to, size)) return std::string(std::strerror(errno));
  std::string request = "GET " + std::string(path) + " HTTP/1.1\r\nHost: " + address->text();
  if (!token.empty()) request.append("\r\nAuthorization: Bearer ").append(token);
  const auto answer = connection.exchange(request + "\r\nConnection: close\r\n\r\n");
  if (!answer) return std::string(std::strerror(errno));
  const auto head = answer->find("\r\n\r\n");
  if (!answer->starts_with("HTTP/1.1 ") || head == answer->npos) return std::string("no HTTP");
  return HttpAnswer{answer->starts_with("HTTP/1.1 200 "), answer->substr(head + 4)};
}

}  // namespace pannier::proxy
