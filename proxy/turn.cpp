#include "proxy/turn.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "proxy/tls.hpp"

namespace pannier::proxy {

namespace {

constexpr std::size_t spare_capacity = 64 * 1024;  ///< More is given back when it is not needed.

}  // namespace

Received receive(Turn& turn, int fd, Tls* tls, std::string& rest) {
  Received received;
  const bool small = rest.size() <= Turn::rest_size;
  const std::size_t kept = small ? rest.size() : 0;
  char* const end = turn.buffer.data() + kept;
  received.got = tls == nullptr ? ::recv(fd, end, Turn::read_size, MSG_DONTWAIT)
                                : tls->receive(fd, turn.sealed, {end, Turn::read_size});
  if (received.got <= 0) return received;
  const auto got = static_cast<std::size_t>(received.got);
  if (small) {
    std::copy(rest.begin(), rest.end(), turn.buffer.data());
    rest.clear();
    received.bytes = {turn.buffer.data(), kept + got};
  } else {
    received.large = std::move(rest);
    rest.clear();
    received.large.append(end, got);
    received.bytes = received.large;
  }
  return received;
}

bool peer_is_gone(int fd) {
  pollfd asked{fd, POLLRDHUP, 0};
  return ::poll(&asked, 1, 0) > 0 && (asked.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

std::string failure_of(const Tls* tls) {
  const int error = errno;
  return tls != nullptr && !tls->failure().empty() ? tls->failure() : std::strerror(error);
}

void Outbox::clear() {
  bytes_.clear();
  sent_ = 0;
  if (bytes_.capacity() > spare_capacity) std::string().swap(bytes_);
}

void Outbox::release() {
  std::string().swap(bytes_);
  sent_ = 0;
}

bool Outbox::send(int fd, Tls* tls) {
  const std::string_view rest(bytes_.data() + sent_, size());
  const auto sent = tls == nullptr
                        ? ::send(fd, rest.data(), rest.size(), MSG_DONTWAIT | MSG_NOSIGNAL)
                        : tls->send(fd, rest);
  if (sent < 0) return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
  sent_ += static_cast<std::size_t>(sent);
  if (empty()) {
    clear();
  } else if (sent_ > bytes_.size() / 2) {
    bytes_.erase(0, sent_);
    sent_ = 0;
  }
  return true;
}

}  // namespace pannier::proxy
