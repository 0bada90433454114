#include "tools/bench_readers/wire.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <stdexcept>
#include <system_error>

namespace bench_readers {

void append_command(std::string& out, std::initializer_list<std::string_view> args) {
  out += '*' + std::to_string(args.size()) + "\r\n";
  for (const auto arg : args) {
    out += '$' + std::to_string(arg.size()) + "\r\n";
    out += arg;
    out += "\r\n";
  }
}

void Wire::abort() {
  const linger at_once{1, 0};
  ::setsockopt(fd(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
  socket_ = bench_load::Socket();
}

bool Wire::flush() {
  if (unsent_.empty()) return true;
  const auto sent = ::send(fd(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
  if (sent < 0 && errno != EAGAIN) throw std::system_error(errno, std::generic_category(), "send");
  if (sent > 0) unsent_.erase(0, std::size_t(sent));
  return unsent_.empty();
}

void Wire::receive() {
  std::array<char, 64 * 1024> buffer;
  const auto got = ::recv(fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (got == 0) throw std::runtime_error("the peer closed a connection");
  if (got < 0 && errno != EAGAIN) throw std::system_error(errno, std::generic_category(), "recv");
  if (got < 0) return;
  received_.erase(0, taken_);
  taken_ = 0;
  received_.append(buffer.data(), std::size_t(got));
}

std::optional<Reply> Wire::next() {
  const auto rest = std::string_view(received_).substr(taken_);
  const auto end = rest.find("\r\n");
  if (end == rest.npos) return std::nullopt;
  const auto line = rest.substr(1, end - 1);
  Reply reply;
  std::size_t size = end + 2;
  if (rest[0] == '+' || rest[0] == '-') {
    reply.error = rest[0] == '-';
    reply.text = line;
  } else if (rest.starts_with("$-1\r")) {
    reply.null = true;
  } else if (rest[0] == '$') {
    std::size_t length = 0;
    std::from_chars(line.data(), line.data() + line.size(), length);
    if (rest.size() < size + length + 2) return std::nullopt;
    reply.text = rest.substr(size, length);
    size += length + 2;
  } else {
    throw std::runtime_error("a reply that was not asked for: " + std::string(rest.substr(0, 80)));
  }
  taken_ += size;
  return reply;
}

Reply Wire::call(std::initializer_list<std::string_view> args) {
  ask(args);
  flush();
  for (;;) {
    if (const auto reply = next()) return *reply;
    pollfd asked{fd(), POLLIN, 0};
    if (::poll(&asked, 1, 5000) == 0) throw std::runtime_error("no reply for 5 seconds");
    receive();
  }
}

}  // namespace bench_readers
