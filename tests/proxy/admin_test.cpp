#include "proxy/admin.hpp"

#include <doctest/doctest.h>

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <stdexcept>

#include "proxy/admin_actions.hpp"
#include "proxy/event_intake.hpp"
#include "proxy/server.hpp"

using namespace pannier::proxy;
using boost::asio::ip::tcp;

namespace {

/// Takes connections and never answers.
struct SilentUpstream {
  boost::asio::io_context context;
  tcp::acceptor acceptor{context, tcp::endpoint(boost::asio::ip::make_address("127.0.0.1"), 0)};

  pannier::policies::Settings settings() {
    pannier::policies::Settings settings;
    settings.upstream.url = "redis://127.0.0.1:" + std::to_string(acceptor.local_endpoint().port());
    return settings;
  }
};

/// The port over a server whose upstream is silent. The loop turns only while a peer receives.
struct Port {
  SilentUpstream upstream;
  Loop loop{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE};
  Server server{loop, upstream.settings()};
  AdminActions actions{server.pipeline(), {}};  ///< Reload and check have no program behind them.
  OwnCalls calls{server};
  EventIntake events{server, calls};
  Admin::Readiness readiness{true, "well"};
  bool broken = false;
  std::unique_ptr<Admin> admin = std::make_unique<Admin>(
      loop, *parse_address("127.0.0.1:0"),
      Admin::Sources{server, actions, events, [this] { return ready(); }, {"cache.internal"}});

  Admin::Readiness ready() {
    if (broken) throw std::runtime_error("out of order");
    return readiness;
  }
  tcp::endpoint endpoint() const {
    return {boost::asio::ip::make_address("127.0.0.1"), parse_address(admin->text())->port};
  }
};

/// A connection to it.
class Peer {
 public:
  explicit Peer(Port& port) : port_(port) {
    socket_.connect(port.endpoint());
    socket_.non_blocking(true);
  }
  ~Peer() {
    socket_.close();
    port_.loop.poll();
  }

  void send(const std::string& bytes) { boost::asio::write(socket_, boost::asio::buffer(bytes)); }
  /// What arrives until the port closes or has no more to say.
  std::string receive() {
    std::string all;
    for (int quiet = 0; quiet < 20 && !closed_; ++quiet) {
      port_.loop.run_for(std::chrono::milliseconds(1));
      std::array<char, 4096> piece;
      boost::system::error_code error;
      const auto size = socket_.read_some(boost::asio::buffer(piece), error);
      all.append(piece.data(), size);
      if (size > 0) quiet = 0;
      closed_ = error && error != boost::asio::error::would_block;
    }
    return all;
  }
  std::string ask(const std::string& request) {
    send(request);
    return receive();
  }
  bool closed() const { return closed_; }

 private:
  Port& port_;
  boost::asio::io_context context_;
  tcp::socket socket_{context_};
  bool closed_ = false;
};

std::string get(const std::string& target) {
  return "GET " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
}
std::string post(const std::string& target) {
  return "POST " + target + " HTTP/1.1\r\nHost: localhost\r\nX-Pannier: 1\r\n\r\n";
}

}  // namespace

TEST_CASE("A handler that throws costs its own connection, and the port goes on") {
  Port port;
  port.broken = true;
  for (const auto& request : {get("/readyz"), post("/reload"), post("/config/check/file")}) {
    Peer peer(port);
    const auto answer = peer.ask(request);
    CHECK_MESSAGE(answer.starts_with("HTTP/1.1 500 Internal Server Error\r\n"), answer);
    CHECK(answer.ends_with("{\"error\":\"internal error\"}\n"));
    CHECK(peer.closed());
    CHECK(Peer(port).ask(get("/livez")).starts_with("HTTP/1.1 200 OK\r\n"));
  }
  port.broken = false;
  CHECK(Peer(port).ask(get("/readyz")).starts_with("HTTP/1.1 200 OK\r\n"));
}

TEST_CASE("Readiness is asked for each time") {
  Port port;
  port.readiness = {false, "draining"};
  const auto answer = Peer(port).ask(get("/readyz"));
  CHECK(answer.starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
  CHECK(
      answer.ends_with("{\"ready\":false,\"reason\":\"draining\",\"upstream\":\"connecting\","
                       "\"coherence\":\"push\"}\n"));
}

TEST_CASE("A connection serves one request after the other, also when they come together") {
  Port port;
  Peer peer(port);
  const auto answers = peer.ask(get("/mode") + post("/mode/memory") + get("/mode"));
  const auto first = answers.find("\"normal\""), second = answers.find("\"OK\""),
             third = answers.find("\"memory\"");
  CHECK(first < second);
  CHECK(second < third);
  CHECK(third != std::string::npos);
  CHECK_FALSE(peer.closed());
}

TEST_CASE("A refusal ends the connection, so that what follows is not taken for a request") {
  Port port;
  Peer peer(port);
  const auto answers = peer.ask(get("/nope") + post("/mode/memory"));
  CHECK(answers.starts_with("HTTP/1.1 404 Not Found\r\n"));
  CHECK(answers.find("200 OK") == std::string::npos);
  CHECK(answers.find("Connection: close\r\n") != std::string::npos);
  CHECK(peer.closed());
  CHECK(port.server.pipeline().core().mode == pannier::policies::Mode::normal);
}

TEST_CASE("The sixty-fifth connection is refused, and one that ends makes room") {
  Port port;
  std::vector<std::unique_ptr<Peer>> peers;
  for (int i = 0; i < 64; ++i) {
    peers.push_back(std::make_unique<Peer>(port));
    CHECK(peers.back()->ask(get("/livez")).starts_with("HTTP/1.1 200 OK\r\n"));
  }
  {
    Peer one_more(port);
    CHECK(one_more.receive().starts_with("HTTP/1.1 503 Service Unavailable\r\n"));
    CHECK(one_more.closed());
  }
  peers.pop_back();
  CHECK(Peer(port).ask(get("/livez")).starts_with("HTTP/1.1 200 OK\r\n"));
}

TEST_CASE("An action that waits for upstream is dropped without harm when the port goes away") {
  Port port;
  Peer peer(port);
  CHECK(peer.ask(post("/invalidate/key/a")).empty());
  CHECK(port.server.pipeline().core().clients.size() == 1);
  port.admin.reset();
  CHECK(port.server.pipeline().core().clients.empty());
  CHECK(peer.receive().empty());
  CHECK(peer.closed());
}

TEST_CASE("A configured host is let in") {
  Port port;
  const auto to = [](const std::string& host) {
    return "GET /livez HTTP/1.1\r\nHost: " + host + "\r\n\r\n";
  };
  CHECK(Peer(port).ask(to("cache.internal:9180")).starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(Peer(port).ask(to("evil.example")).ends_with("{\"error\":\"host not allowed\"}\n"));
}
