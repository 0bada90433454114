#include "proxy/hook_delivery.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

namespace pannier::proxy {

namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using Error = boost::system::error_code;

namespace {

constexpr std::size_t most_answer_bytes = 64 << 10;

}  // namespace

class HookDelivery::State : public std::enable_shared_from_this<State> {
 public:
  State(Loop& loop, Request request, Done done)
      : resolver_(loop), stream_(loop), done_(std::move(done)), wanted_(std::move(request)) {
    request_.method_string(wanted_.method);
    request_.target(wanted_.url.path);
    request_.version(11);
    request_.set(http::field::host, wanted_.url.host_text());
    request_.set(http::field::content_type, "application/json");
    request_.set(http::field::user_agent, "pannier");
    request_.set(http::field::connection, "close");
    for (const auto& [name, value] : wanted_.headers) request_.set(name, value);
    request_.body() = std::move(wanted_.body);
    request_.prepare_payload();
    answer_.header_limit(8 << 10);
    answer_.body_limit(most_answer_bytes);
  }

  void start() {
    // The resolver has no deadline of its own; connecting, writing and reading share one.
    stream_.expires_after(wanted_.timeout);
    resolver_.async_resolve(
        wanted_.url.host, std::to_string(wanted_.url.port),
        [self = shared_from_this()](Error error, const Resolver::results_type& found) {
          if (error) return self->finish(error);
          self->connect(found);
        });
  }

  void stop() {
    done_ = nullptr;
    resolver_.cancel();
    stream_.cancel();
  }

 private:
  using Resolver = asio::ip::basic_resolver<tcp, Executor>;

  void connect(const Resolver::results_type& found) {
    stream_.expires_after(wanted_.timeout);
    stream_.async_connect(found, [self = shared_from_this()](Error error, const tcp::endpoint&) {
      if (error) return self->finish(error);
      http::async_write(self->stream_, self->request_, [self](Error failed, std::size_t) {
        if (failed) return self->finish(failed);
        self->read();
      });
    });
  }

  void read() {
    http::async_read(stream_, buffer_, answer_,
                     [self = shared_from_this()](Error error, std::size_t) {
                       // Whoever closes instead of ending the body has answered all the same.
                       self->finish(self->answer_.is_header_done() ? Error() : error);
                     });
  }

  void finish(Error error) {
    if (!done_) return;
    const auto done = std::exchange(done_, nullptr);
    Error ignored;
    stream_.socket().shutdown(tcp::socket::shutdown_both, ignored);
    stream_.close();
    if (error) return done(error == beast::error::timeout ? "no answer in time" : error.message());
    const auto status = answer_.get().result_int();
    done(status / 100 == 2 ? std::string() : "answered with " + std::to_string(status));
  }

  Resolver resolver_;
  beast::basic_stream<tcp, Executor> stream_;
  beast::flat_buffer buffer_;
  http::request<http::string_body> request_;
  http::response_parser<http::string_body> answer_;
  Done done_;
  Request wanted_;
};

HookDelivery::HookDelivery(Loop& loop, Request request, Done done)
    : state_(std::make_shared<State>(loop, std::move(request), std::move(done))) {
  state_->start();
}

HookDelivery::~HookDelivery() { state_->stop(); }

}  // namespace pannier::proxy
