#pragma once

#include <sys/types.h>

#include <boost/system/result.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "policies/settings.hpp"
#include "proxy/turn.hpp"

struct ssl_st;

namespace pannier::proxy {

/// What all TLS connections of one kind share: a certificate with its key, and who is believed.
/// The files are read once, when it is made. TLS 1.2 and 1.3, no renegotiation.
class TlsContext {
 public:
  /// Which setting is at fault ("key"), and why, as a sentence without the name.
  struct Complaint {
    std::string_view setting;
    std::string sentence;
  };
  using Made = boost::system::result<std::shared_ptr<const TlsContext>, Complaint>;

  /// With `ca` clients must show a certificate that it signed.
  static Made for_clients(const policies::TlsSettings& settings);
  /// `host` is what the certificate must be for where the settings name nothing else. A name is
  /// also asked for (SNI), an address is not.
  static Made for_upstream(const policies::UpstreamTlsSettings& settings, const std::string& host);

  ~TlsContext();

 private:
  friend class Tls;
  struct Parts;
  explicit TlsContext(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

/// The TLS of one connection, between its socket and what reads and writes it.
///
/// It stands in for recv() and send() and behaves as they do, with plain bytes; OpenSSL itself
/// never sees the socket. Each receive() opens all that it read: nothing is left inside for which
/// the socket would not become readable again. An idle connection has no buffer.
class Tls {
 public:
  /// What one receive() reads at most: what it opens to, with the record that was incomplete
  /// before, always fits into Turn::read_size.
  static constexpr std::size_t sealed_size = Turn::sealed_size;

  explicit Tls(std::shared_ptr<const TlsContext> context);
  ~Tls();
  Tls(const Tls&) = delete;
  Tls& operator=(const Tls&) = delete;

  /// Begins the handshake; for upstream, where it is ours to begin. receive() goes on with it.
  void start(int fd);
  /// As recv() without waiting. -1 with EAGAIN also while the handshake lasts or a record is
  /// incomplete; with EPROTO when TLS has failed, see failure(). 0 also when the peer says so.
  /// What TLS itself must answer is sent.
  ssize_t receive(int fd, std::span<char> sealed, std::span<char> plain);
  /// As send() without waiting, but only bytes that are sent to the last are counted: the others
  /// must be offered again, unchanged, with whatever has come behind them.
  ssize_t send(int fd, std::string_view bytes);
  /// Tells the peer that this is the end, if that can be sent at once.
  void close(int fd);

  bool established() const;
  /// The peer has said that nothing more will come; what came before it has been handed over.
  bool ended() const { return ended_; }
  /// Something of TLS's own waits for the socket: send(), if need be with nothing.
  bool unsent() const { return !out_.empty(); }
  /// "certificate verify failed: self-signed certificate"; empty while all is well.
  const std::string& failure() const { return failure_; }

 private:
  struct Bio;
  friend class TlsContext;
  void expect_name();
  void open(std::span<char> plain, std::size_t& size);
  bool seal(std::string_view bytes);
  void flush(int fd);
  void note_failure();

  std::shared_ptr<const TlsContext> context_;
  ssl_st* ssl_;
  std::string_view in_;     ///< Read from the socket and not yet by OpenSSL.
  Outbox out_;              ///< Sealed, and not sent.
  std::size_t sealed_ = 0;  ///< Plain bytes that are in out_.
  std::string failure_;
  bool ended_ = false;
};

}  // namespace pannier::proxy
