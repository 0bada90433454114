#include "proxy/listener.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cerrno>
#include <stdexcept>

#include "proxy/keep_alive.hpp"
#include "proxy/log.hpp"

namespace pannier::proxy {

using asio::ip::tcp;
using GenericAcceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol, Executor>;

struct Listener::Sockets {
  explicit Sockets(Loop& loop) : acceptor(loop) {}
  GenericAcceptor acceptor;
};

namespace {

constexpr int per_turn = 64;
constexpr auto complaint_pause = std::chrono::minutes(1);

asio::generic::stream_protocol::endpoint endpoint_of(const Address& address) {
  if (address.is_unix()) return asio::local::stream_protocol::endpoint(address.path);
  const auto host = address.host == "localhost" ? std::string("127.0.0.1") : address.host;
  return tcp::endpoint(asio::ip::make_address(host), address.port);
}

/// A socket file that nobody answers on was left behind.
void remove_leftover(Loop& loop, const Address& address) {
  struct stat found {};
  if (::lstat(address.path.c_str(), &found) != 0 || !S_ISSOCK(found.st_mode)) return;
  Socket probe(loop);
  boost::system::error_code error;
  probe.connect(asio::local::stream_protocol::endpoint(address.path), error);
  if (error == asio::error::connection_refused) ::unlink(address.path.c_str());
}

}  // namespace

Listener::Listener(Loop& loop, const Address& address, Accept accept)
    : loop_(loop),
      address_(address),
      accept_(std::move(accept)),
      sockets_(std::make_unique<Sockets>(loop)),
      pause_(loop) {
  auto& acceptor = sockets_->acceptor;
  try {
    const auto endpoint = endpoint_of(address_);
    acceptor.open(endpoint.protocol());
    if (address_.is_unix()) {
      remove_leftover(loop, address_);
      const auto before = ::umask(0177);
      boost::system::error_code error;
      acceptor.bind(endpoint, error);
      ::umask(before);
      if (error) throw boost::system::system_error(error);
    } else {
      acceptor.set_option(asio::socket_base::reuse_address(true));
      acceptor.bind(endpoint);
    }
    acceptor.listen(4096);
    acceptor.non_blocking(true);
  } catch (const boost::system::system_error& wrong) {
    auto reason = wrong.code().message();
    if (!reason.empty()) reason[0] = static_cast<char>(reason[0] | 0x20);
    throw std::runtime_error("cannot listen on " + address_.text() + ": " + reason);
  }
  wait();
}

Listener::~Listener() { stop(); }

std::string Listener::text() const {
  if (address_.is_unix()) return address_.text();
  auto bound = address_;
  const auto endpoint = sockets_->acceptor.local_endpoint();
  tcp::endpoint at;
  at.resize(endpoint.size());
  std::copy_n(reinterpret_cast<const char*>(endpoint.data()), endpoint.size(),
              reinterpret_cast<char*>(at.data()));
  bound.port = at.port();
  return bound.text();
}

void Listener::stop() {
  if (!sockets_->acceptor.is_open()) return;
  boost::system::error_code ignored;
  sockets_->acceptor.close(ignored);
  pause_.cancel();
  if (address_.is_unix()) ::unlink(address_.path.c_str());
}

void Listener::wait() {
  sockets_->acceptor.async_wait(GenericAcceptor::wait_read,
                                [this](boost::system::error_code error) {
                                  if (!error) accept_some();
                                });
}

void Listener::complain(const std::string& error) {
  const auto now = monotonic_now();
  if (complained_ && now - *complained_ < complaint_pause) return;
  complained_ = now;
  log::warning("accept_failed", {{"error", error}});
}

void Listener::accept_some() {
  for (int i = 0; i < per_turn; ++i) {
    Socket socket(loop_);
    boost::system::error_code error;
    sockets_->acceptor.accept(socket, error);
    if (error == asio::error::would_block || error == asio::error::try_again) break;
    if (error == asio::error::connection_aborted || error == asio::error::interrupted) continue;
    if (error) {
      complain(error.message());
      pause_.expires_after(std::chrono::milliseconds(100));
      return pause_.async_wait([this](boost::system::error_code stopped) {
        if (!stopped) wait();
      });
    }
    socket.non_blocking(true, error);
    if (!address_.is_unix()) {
      socket.set_option(tcp::no_delay(true), error);
      keep_alive(socket);
    }
    accept_(std::move(socket));
  }
  wait();
}

}  // namespace pannier::proxy
