#include "proxy/program.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>

#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <stdexcept>
#include <vector>

#include "proxy/admin.hpp"
#include "proxy/admin_actions.hpp"
#include "proxy/automation_runner.hpp"
#include "proxy/config.hpp"
#include "proxy/config_watch.hpp"
#include "proxy/errors.hpp"
#include "proxy/listener.hpp"
#include "proxy/log.hpp"
#include "proxy/memory_limit.hpp"
#include "proxy/origin_runner.hpp"
#include "proxy/program_config.hpp"
#include "proxy/server.hpp"

namespace pannier::proxy {

namespace {

constexpr int exit_software = 70, exit_config = 78, exit_in_use = 98;
constexpr std::size_t reserved_descriptors = 64;

std::size_t descriptor_limit() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

/// The sidecar as a whole: what main() would be if it could wait.
class Program {
 public:
  Program(const Options& options, Loaded loaded);
  int run();

 private:
  enum class Port { plain, tls };
  void listen(const std::string& address, Port port);
  void accept(Socket socket, Port port);
  AdminActions::Program ways_of_actions();
  AdminActions::Reloaded reload();
  std::string check_file(const std::string& file) const;
  Admin::Readiness readiness() const;
  void await_signal();
  void drain();
  void watch_drain();
  std::size_t most_clients() const;

  Options options_;
  Loop loop_{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE_IO};
  Server server_;
  AutomationRunner automation_;
  OriginRunner origins_;
  AdminActions actions_;
  std::size_t descriptors_ = descriptor_limit();
  std::vector<std::unique_ptr<Listener>> listeners_;
  std::string listening_;
  std::unique_ptr<Admin> admin_;
  std::unique_ptr<ConfigWatch> watch_;
  boost::asio::basic_signal_set<Executor> signals_;
  Timer drain_timer_;
  policies::TimePoint drain_until_{}, lonely_since_{};
  bool draining_ = false;
};

Program::Program(const Options& options, Loaded loaded)
    : options_(options),
      server_(loop_, std::move(loaded.settings)),
      automation_(server_),
      origins_(server_),
      actions_(server_.pipeline(), ways_of_actions()),
      signals_(loop_, SIGTERM, SIGINT, SIGHUP),
      drain_timer_(loop_) {
  for (const auto& warning : loaded.warnings) log::warning("config", {{"text", warning}});
  const auto& settings = server_.settings();
  if (const auto text = memory_warning(settings, cgroup_memory_limit()); !text.empty()) {
    log::warning("memory_limit", {{"text", text}});
  }
  server_.use_actions(actions_);
  listen(settings.listen, Port::plain);
  if (settings.listen_unix != "off") listen("unix:" + settings.listen_unix, Port::plain);
  listen(settings.listen_tls, Port::tls);
  if (settings.admin.listen != "off") {
    admin_ = std::make_unique<Admin>(
        loop_, *parse_address(settings.admin.listen),
        Admin::Sources{server_, actions_, automation_.events(), [this] { return readiness(); },
                       settings.admin.allowed_hosts});
  }
  if (!options_.config.empty()) {
    watch_ = std::make_unique<ConfigWatch>(
        loop_, options_.config, [this] { return other_files(server_.settings()); },
        [this] { reload(); });
  }
}

AdminActions::Program Program::ways_of_actions() {
  AdminActions::Program ways;
  ways.reload = [this] { return reload(); };
  ways.check = [this](const std::string& file) { return check_file(file); };
  ways.event = [this](std::string_view name, std::string_view payload,
                      AdminActions::Program::Done done) {
    automation_.events().take(
        name, payload, {}, [done](const EventIntake::Answer& answer) { done(value_of(answer)); });
  };
  ways.deliver = [this](policies::Ticket to, const protocol::Value& answer) {
    std::string bytes;
    // Numbers, states and errors, which are the same in both protocols.
    answer.append_to(bytes, protocol::Resp::v2);
    server_.begin_turn();
    server_.deliver(to, bytes);
  };
  return ways;
}

void Program::listen(const std::string& address, Port port) {
  if (address == "off") return;
  auto listener =
      std::make_unique<Listener>(loop_, *parse_address(address),
                                 [this, port](Socket socket) { accept(std::move(socket), port); });
  if (!listening_.empty()) listening_ += ' ';
  listening_ += (port == Port::tls ? "tls:" : "") + listener->text();
  listeners_.push_back(std::move(listener));
}

int Program::run() {
  await_signal();
  server_.start();
  automation_.reload();
  origins_.reload();
  log::info("listening", {{"address", listening_},
                          {"admin", admin_ ? admin_->text() : "off"},
                          {"upstream", server_.upstream_name()},
                          {"max_clients", std::to_string(most_clients())}});
  const auto& settings = server_.settings();
  if (settings.mode != policies::Mode::normal || settings.mode_from != "configuration") {
    log::warning("mode", {{"mode", setting_text(settings.mode)}, {"from", settings.mode_from}});
  }
  loop_.run();
  log::info("stopped");
  return 0;
}

std::size_t Program::most_clients() const {
  const auto asked = server_.settings().limits.max_clients.value;
  const auto possible = descriptors_ > 2 * reserved_descriptors
                            ? descriptors_ - reserved_descriptors
                            : descriptors_ / 2;
  return asked == 0 ? possible : std::min<std::size_t>(asked, possible);
}

void Program::accept(Socket socket, Port port) {
  if (server_.connected() < most_clients()) {
    auto tls = port == Port::tls ? server_.tls_to_client() : nullptr;
    return server_.accept(std::move(socket), std::move(tls));
  }
  const auto refusal = errors::clients();
  boost::system::error_code ignored;
  if (port == Port::plain) socket.write_some(asio::buffer(refusal), ignored);
  ++server_.counters().refused;
}

AdminActions::Reloaded Program::reload() {
  if (watch_) watch_->taken();
  try {
    auto loaded = load(options_);
    for (const auto& warning : loaded.warnings) log::warning("config", {{"text", warning}});
    auto left = needs_restart(server_.settings(), loaded.settings);
    for (const auto& name : left) log::warning("config_needs_restart", {{"setting", name}});
    log::set_level(loaded.settings.log.level);
    server_.reload(std::move(loaded.settings));
    automation_.reload();
    origins_.reload();
    if (admin_) admin_->configure(server_.settings().admin);
    ++server_.counters().reloads;
    log::info("config_reloaded", {{"file", options_.config}});
    return left;
  } catch (const BadConfig& bad) {
    ++server_.counters().reloads_failed;
    log::error("config_refused", {{"text", bad.what()}});
    return std::string(bad.what());
  }
}

std::string Program::check_file(const std::string& file) const {
  const auto name = file.empty() ? options_.config : file;
  if (name.empty()) return "no configuration file is in use; name one";
  const auto loaded = load_config(name);
  return loaded ? std::string() : loaded.error();
}

Admin::Readiness Program::readiness() const {
  if (draining_) return {false, "draining"};
  const auto state = server_.pipeline_state();
  const bool ready = state != policies::Core::UpstreamState::connecting;
  if (ready && !automation_.is_warm()) return {false, "warming"};
  auto reason = "upstream " + std::string(policies::state_name(state));
  const auto breaker = policies::breaker_name(server_.pipeline().core());
  if (breaker != "closed") reason += ", breaker " + std::string(breaker);
  return {ready, std::move(reason)};
}

void Program::await_signal() {
  signals_.async_wait([this](boost::system::error_code error, int signal) {
    if (error) return;
    if (signal == SIGHUP) {
      reload();
      return await_signal();
    }
    drain();
  });
}

void Program::drain() {
  if (draining_) return loop_.stop();
  draining_ = true;
  log::info("draining", {{"clients", std::to_string(server_.connected())}});
  drain_until_ = monotonic_now() + server_.settings().drain;
  lonely_since_ = monotonic_now();
  await_signal();
  watch_drain();
}

void Program::watch_drain() {
  const auto now = monotonic_now();
  if (server_.connected() > 0) lonely_since_ = now;
  if (now >= drain_until_ || now - lonely_since_ >= std::chrono::seconds(1)) {
    server_.farewell();
    return loop_.stop();
  }
  drain_timer_.expires_after(std::chrono::milliseconds(50));
  drain_timer_.async_wait([this](boost::system::error_code error) {
    if (!error) watch_drain();
  });
}

}  // namespace

int run(const Options& options) {
  ::prctl(PR_SET_DUMPABLE, 0);  // No core dumps: they would hold values and passwords.
  std::signal(SIGPIPE, SIG_IGN);
  int code = 0;
  try {
    auto loaded = load(options);
    log::start(loaded.settings.log.level);
    code = Program(options, std::move(loaded)).run();
  } catch (const BadConfig& bad) {
    std::fprintf(stderr, "%s\n", bad.what());
    code = exit_config;
  } catch (const std::bad_alloc&) {
    // A restart is cheap; to go on with half of what a request needed is not.
    std::fputs("out of memory\n", stderr);
    code = exit_software;
  } catch (const std::runtime_error& wrong) {
    std::fprintf(stderr, "%s\n", wrong.what());
    code = std::string(wrong.what()).starts_with("cannot listen") ? exit_in_use : exit_software;
  }
  // Whatever else would wait for the log at exit would wait for ever, too.
  if (!log::finish()) std::_Exit(code);
  return code;
}

int check(const std::string& file, bool print) {
  const auto loaded = load_config(file);
  if (!loaded) {
    std::fprintf(stderr, "%s\n", loaded.error().c_str());
    return exit_config;
  }
  for (const auto& warning : loaded->warnings)
    std::fprintf(stderr, "warning: %s\n", warning.c_str());
  if (print) {
    auto shown = loaded->settings;
    shown.upstream.url = url_without_password(shown.upstream.url);
    if (!shown.auth.password.empty()) shown.auth.password = "***";
    shown.automation = without_secrets(shown.automation);
    shown.origins = without_secrets(shown.origins);
    std::size_t number = 0;  // No two tokens may be the same.
    for (auto& token : shown.admin.tokens) token.token = "***" + std::to_string(++number);
    std::fputs(print_config(shown).c_str(), stdout);
  } else {
    std::printf("%s: ok, %zu tiers, %zu rules\n", file.c_str(), loaded->settings.tiers.size(),
                loaded->settings.rules.size());
  }
  return 0;
}

}  // namespace pannier::proxy
