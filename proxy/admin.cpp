#include "proxy/admin.hpp"

#include "proxy/admin_connection.hpp"
#include "proxy/admin_json.hpp"
#include "proxy/listener.hpp"

namespace pannier::proxy {

/// The port's connections, and the clock over them.
class Admin::State : public std::enable_shared_from_this<Admin::State> {
 public:
  State(Loop& loop, const Address& address, Sources sources)
      : routes_(std::make_shared<AdminRoutes>(std::move(sources))),
        clock_(loop),
        listener_(loop, address, [this](Socket socket) { accept(std::move(socket)); }) {}

  std::string text() const { return listener_.text(); }
  void configure(const policies::AdminSettings& settings) { routes_->configure(settings); }
  void stop();

 private:
  static constexpr std::size_t most_connections = 64;
  static constexpr policies::milliseconds clock_interval{250};

  void accept(Socket socket);
  void wait();
  void check_deadlines();

  std::shared_ptr<AdminRoutes> routes_;
  std::vector<std::weak_ptr<AdminConnection>> connections_;
  Timer clock_;  ///< Runs as long as there are connections.
  bool running_ = false;
  Listener listener_;
};

void Admin::State::accept(Socket socket) {
  std::erase_if(connections_, [](const auto& connection) { return connection.expired(); });
  if (connections_.size() >= most_connections) {
    routes_->count_refused();
    auto response = error_response({503, "too many connections"});
    response.keep_alive = false;
    boost::system::error_code ignored;
    socket.write_some(asio::buffer(response.bytes()), ignored);
    return;
  }
  const auto connection = std::make_shared<AdminConnection>(std::move(socket), routes_);
  connections_.push_back(connection);
  connection->start();
  if (!running_) wait();
}

void Admin::State::wait() {
  running_ = true;
  clock_.expires_after(clock_interval);
  clock_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
    const auto self = weak.lock();
    if (self && !error) self->check_deadlines();
  });
}

void Admin::State::check_deadlines() {
  const auto now = monotonic_now();
  for (const auto& weak : connections_) {
    if (const auto connection = weak.lock()) connection->check_deadline(now);
  }
  std::erase_if(connections_, [](const auto& connection) { return connection.expired(); });
  running_ = !connections_.empty();
  if (running_) wait();
}

void Admin::State::stop() {
  listener_.stop();
  clock_.cancel();
  routes_->live().stop();
  for (const auto& weak : connections_) {
    if (const auto connection = weak.lock()) connection->close();
  }
}

Admin::Admin(Loop& loop, const Address& address, Sources sources)
    : state_(std::make_shared<State>(loop, address, std::move(sources))) {}

Admin::~Admin() { stop(); }

std::string Admin::text() const { return state_->text(); }

void Admin::configure(const policies::AdminSettings& settings) { state_->configure(settings); }

void Admin::stop() { state_->stop(); }

}  // namespace pannier::proxy
