// The only file that knows OpenSSL.

#include "proxy/tls.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/context.hpp>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <new>
#include <utility>

#include "policies/spelling.hpp"

namespace pannier::proxy {

namespace asio = boost::asio;
using policies::quoted;

namespace {

constexpr std::size_t largest_record = 16 * 1024 + 2048 + 5;
constexpr std::size_t seal_at_once = 4 * 16 * 1024;     ///< Four records, one send.
constexpr std::size_t send_at_once = 4 * seal_at_once;  ///< Then others have their turn.
constexpr std::size_t most_unsent = 256 * 1024;         ///< A peer that only asks for answers.
static_assert(Tls::sealed_size + largest_record <= Turn::read_size);

using Complaint = TlsContext::Complaint;
using Ssl = asio::ssl::context;

std::string unreadable(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (file && file.peek() != std::ifstream::traits_type::eof()) return {};
  const int why = errno;
  return quoted(path) + (why != 0 ? " cannot be read: " + std::string(std::strerror(why))
                                  : std::string(" is empty"));
}

/// Each loads a file. \returns what is wrong; an empty sentence when nothing is.
Complaint load_ca(Ssl& ssl, const std::string& path) {
  if (auto why = unreadable(path); !why.empty()) return {"ca", why};
  boost::system::error_code error;
  ssl.load_verify_file(path, error);
  if (error) return {"ca", quoted(path) + " holds no certificate in PEM form"};
  return {};
}

Complaint load_own(Ssl& ssl, const std::string& cert, const std::string& key) {
  if (cert.empty()) return {"key", "a key is of no use without cert"};
  if (key.empty()) return {"cert", "a certificate is of no use without key"};
  if (auto why = unreadable(cert); !why.empty()) return {"cert", why};
  if (auto why = unreadable(key); !why.empty()) return {"key", why};
  boost::system::error_code error;
  ssl.use_certificate_chain_file(cert, error);
  if (error) return {"cert", quoted(cert) + " holds no certificate in PEM form"};
  // Without this OpenSSL would ask for a passphrase at the terminal.
  ssl.set_password_callback([](std::size_t, Ssl::password_purpose) { return std::string(); });
  ssl.use_private_key_file(key, Ssl::pem, error);
  const bool is_other =
      ERR_GET_REASON(static_cast<unsigned long>(error.value())) == X509_R_KEY_VALUES_MISMATCH;
  if (error && !is_other) {
    return {"key", quoted(key) + " holds no private key in PEM form without a passphrase"};
  }
  if (error || SSL_CTX_check_private_key(ssl.native_handle()) != 1) {
    return {"key", quoted(key) + " is not the key of the certificate in " + quoted(cert)};
  }
  return {};
}

}  // namespace

struct TlsContext::Parts {
  explicit Parts(Ssl::method method, BIO_METHOD* bio_method)
      : ssl(method), bio(bio_method, BIO_meth_free) {
    auto* const context = ssl.native_handle();
    SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    // One ticket: a client that does not set TCP_NODELAY sends its first command only after it has
    // heard something behind its handshake, 40 ms later if that is a bare acknowledgement. Tickets
    // of an earlier context, with other certificates, cannot be read by this one.
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 1);
    constexpr unsigned char scope[] = "pannier";
    SSL_CTX_set_session_id_context(context, scope, sizeof scope);
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  }

  Ssl ssl;
  std::unique_ptr<BIO_METHOD, void (*)(BIO_METHOD*)> bio;
  bool is_client = false, verifies = false, is_address = false;
  std::string name;  ///< What the client asks for, and wants to see.
};

/// What OpenSSL takes for the socket: the bytes of one read, and the outbox.
struct Tls::Bio {
  static int read(BIO* bio, char* to, std::size_t size, std::size_t* got) {
    auto& in = static_cast<Tls*>(BIO_get_data(bio))->in_;
    BIO_clear_retry_flags(bio);
    *got = in.copy(to, size);
    in.remove_prefix(*got);
    if (*got == 0) BIO_set_retry_read(bio);
    return *got > 0 ? 1 : -1;
  }
  static int write(BIO* bio, const char* from, std::size_t size, std::size_t* written) {
    BIO_clear_retry_flags(bio);
    static_cast<Tls*>(BIO_get_data(bio))->out_.bytes().append(from, size);
    *written = size;
    return 1;
  }
  static long control(BIO*, int command, long, void*) { return command == BIO_CTRL_FLUSH ? 1 : 0; }

  static BIO_METHOD* method() {
    auto* const made = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "pannier");
    if (made == nullptr) throw std::bad_alloc();
    BIO_meth_set_read_ex(made, read);
    BIO_meth_set_write_ex(made, write);
    BIO_meth_set_ctrl(made, control);
    return made;
  }
};

TlsContext::TlsContext(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
TlsContext::~TlsContext() = default;

TlsContext::Made TlsContext::for_clients(const policies::TlsSettings& settings) {
  auto parts = std::make_unique<Parts>(Ssl::tls_server, Tls::Bio::method());
  auto wrong = load_own(parts->ssl, settings.cert, settings.key);
  if (wrong.sentence.empty() && !settings.ca.empty()) {
    wrong = load_ca(parts->ssl, settings.ca);
    SSL_CTX_set_client_CA_list(parts->ssl.native_handle(),
                               SSL_load_client_CA_file(settings.ca.c_str()));
    parts->ssl.set_verify_mode(asio::ssl::verify_peer | asio::ssl::verify_fail_if_no_peer_cert);
  }
  ERR_clear_error();
  if (!wrong.sentence.empty()) return wrong;
  return std::shared_ptr<const TlsContext>(new TlsContext(std::move(parts)));
}

TlsContext::Made TlsContext::for_upstream(const policies::UpstreamTlsSettings& settings,
                                          const std::string& host) {
  auto parts = std::make_unique<Parts>(Ssl::tls_client, Tls::Bio::method());
  Complaint wrong;
  if (!settings.cert.empty() || !settings.key.empty()) {
    wrong = load_own(parts->ssl, settings.cert, settings.key);
  }
  if (wrong.sentence.empty() && !settings.ca.empty()) wrong = load_ca(parts->ssl, settings.ca);
  boost::system::error_code error;
  if (settings.ca.empty()) parts->ssl.set_default_verify_paths(error);
  if (settings.verify) parts->ssl.set_verify_mode(asio::ssl::verify_peer);
  parts->is_client = true;
  parts->verifies = settings.verify;
  parts->name = settings.server_name.empty() ? host : settings.server_name;
  asio::ip::make_address(parts->name, error);
  parts->is_address = !error;
  ERR_clear_error();
  if (!wrong.sentence.empty()) return wrong;
  return std::shared_ptr<const TlsContext>(new TlsContext(std::move(parts)));
}

Tls::Tls(std::shared_ptr<const TlsContext> context)
    : context_(std::move(context)), ssl_(SSL_new(context_->parts_->ssl.native_handle())) {
  const auto& parts = *context_->parts_;
  auto* const bio = BIO_new(parts.bio.get());
  if (ssl_ == nullptr || bio == nullptr) throw std::bad_alloc();
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_, bio, bio);
  if (parts.is_client) {
    SSL_set_connect_state(ssl_);
    expect_name();
  } else {
    SSL_set_accept_state(ssl_);
  }
}

void Tls::expect_name() {
  const auto& parts = *context_->parts_;
  const char* const name = parts.name.c_str();
  bool good = true;
  if (!parts.is_address) good = SSL_set_tlsext_host_name(ssl_, name) == 1;
  if (parts.verifies && parts.is_address) {
    good &= X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_), name) == 1;
  } else if (parts.verifies) {
    SSL_set_hostflags(ssl_, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    good &= SSL_set1_host(ssl_, name) == 1;
  }
  if (!good) failure_ = "TLS: the server's name cannot be asked for";
}

Tls::~Tls() { SSL_free(ssl_); }

bool Tls::established() const { return SSL_is_init_finished(ssl_) == 1; }

void Tls::note_failure() {
  const auto error = ERR_peek_error();
  const auto verdict = SSL_get_verify_result(ssl_);
  if (ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED && verdict != X509_V_OK) {
    failure_ = std::string("certificate verify failed: ") + X509_verify_cert_error_string(verdict);
    return;
  }
  const char* const reason = ERR_reason_error_string(error);
  failure_ = std::string("TLS: ") + (reason != nullptr ? reason : "the connection failed");
  if (ERR_GET_REASON(error) == SSL_R_WRONG_VERSION_NUMBER) failure_ += " (no TLS is spoken there?)";
}

void Tls::start(int fd) {
  if (!failure_.empty()) return;
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_);
  if (result != 1 && SSL_get_error(ssl_, result) != SSL_ERROR_WANT_READ) note_failure();
  flush(fd);
}

void Tls::open(std::span<char> plain, std::size_t& size) {
  ERR_clear_error();
  int result = 1;
  while (result == 1 && (!in_.empty() || SSL_has_pending(ssl_) == 1)) {
    std::size_t opened = 0;
    result = SSL_read_ex(ssl_, plain.data() + size, plain.size() - size, &opened);
    size += opened;
  }
  in_ = {};
  const int error = result == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_, result);
  ended_ = error == SSL_ERROR_ZERO_RETURN;
  if (!ended_ && error != SSL_ERROR_NONE && error != SSL_ERROR_WANT_READ) note_failure();
  if (out_.size() > most_unsent) failure_ = "TLS: the peer asks and does not read";
}

ssize_t Tls::receive(int fd, std::span<char> sealed, std::span<char> plain) {
  std::size_t size = 0;
  if (failure_.empty()) {
    const auto got = ::recv(fd, sealed.data(), sealed.size(), MSG_DONTWAIT);
    if (got <= 0) return got;
    in_ = {sealed.data(), static_cast<std::size_t>(got)};
    open(plain, size);
    flush(fd);
  }
  if (failure_.empty() && (size > 0 || ended_)) return static_cast<ssize_t>(size);
  errno = failure_.empty() ? EAGAIN : EPROTO;
  return -1;
}

void Tls::flush(int fd) {
  if (!out_.empty()) out_.send(fd);
  if (out_.empty()) out_.release();
}

ssize_t Tls::send(int fd, std::string_view bytes) {
  std::size_t done = 0;
  while (true) {
    if (!out_.empty() && !out_.send(fd)) return -1;
    if (!out_.empty()) break;
    out_.release();
    done += std::exchange(sealed_, 0);
    if (done == bytes.size() || done >= send_at_once || !established()) break;
    if (!seal(bytes.substr(done, seal_at_once))) {
      errno = EPROTO;
      return -1;
    }
  }
  if (done > 0) return static_cast<ssize_t>(done);
  errno = EAGAIN;
  return -1;
}

bool Tls::seal(std::string_view bytes) {
  if (!failure_.empty()) return false;
  if (bytes.size() > 4096) out_.bytes().reserve(bytes.size() + bytes.size() / 64);
  ERR_clear_error();
  std::size_t written = 0;
  // The outbox takes everything, so nothing is ever written in part.
  if (SSL_write_ex(ssl_, bytes.data(), bytes.size(), &written) != 1) {
    note_failure();
    return false;
  }
  sealed_ = written;
  return true;
}

void Tls::close(int fd) {
  if (failure_.empty() && established()) {
    ERR_clear_error();
    SSL_shutdown(ssl_);
  }
  flush(fd);
  ERR_clear_error();
}

}  // namespace pannier::proxy
