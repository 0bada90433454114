#include "tests/support/postgres.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>
#include <thread>

namespace pannier::tests {

namespace {

constexpr const char* programs = "/usr/lib/postgresql/15/bin/";

sockaddr_in loopback(unsigned port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// What the child does before it becomes PostgreSQL.
void become_nobody_special(const passwd* user) {
  if (user != nullptr) {
    if (::setgroups(0, nullptr) != 0 || ::setgid(user->pw_gid) != 0) ::_exit(126);
    if (::setuid(user->pw_uid) != 0) ::_exit(126);
  }
  // A test program that crashes takes it along.
  ::prctl(PR_SET_PDEATHSIG, SIGQUIT);
  const int nothing = ::open("/dev/null", O_RDWR);
  for (const int descriptor : {0, 1, 2}) ::dup2(nothing, descriptor);
}

}  // namespace

unsigned free_port() {
  const int probe = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto address = loopback(0);
  socklen_t size = sizeof address;
  ::bind(probe, reinterpret_cast<sockaddr*>(&address), size);
  ::getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size);
  ::close(probe);
  return ntohs(address.sin_port);
}

Postgres::Postgres() {
  auto name =
      (std::filesystem::temp_directory_path() / "pannier-postgres-").string() + std::string(6, 'X');
  if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
  directory_ = name;
  const auto* user = ::geteuid() == 0 ? ::getpwnam("postgres") : nullptr;
  if (user != nullptr && ::chown(name.c_str(), user->pw_uid, user->pw_gid) != 0) {
    throw std::runtime_error("cannot give the directory to the user postgres");
  }
  const auto initdb = spawn("initdb", {"-D", directory_ / "data", "-A", "trust", "-U", "postgres",
                                       "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"});
  int status = 0;
  ::waitpid(initdb, &status, 0);
  if (status != 0) throw std::runtime_error("initdb failed; is PostgreSQL 15 installed?");
  port_ = free_port();
  start();
}

Postgres::~Postgres() {
  stop();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

Postgres& Postgres::shared() {
  static Postgres server;
  return server;
}

void Postgres::start() {
  if (pid_ != 0) return;
  pid_ = spawn("postgres", {"-D", directory_ / "data", "-p", std::to_string(port_), "-h",
                            "127.0.0.1", "-k", directory_, "-F", "-c", "max_connections=30", "-c",
                            "shared_buffers=16MB", "-c", "autovacuum=off"});
  for (int i = 0; i < 3000; ++i) {
    if (accepts()) return;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  throw std::runtime_error("PostgreSQL did not start");
}

void Postgres::stop() {
  if (pid_ == 0) return;
  ::kill(pid_, SIGINT);
  ::waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

std::string Postgres::url(const std::string& user) const {
  return "postgresql://" + user + "@127.0.0.1:" + std::to_string(port_) + "/postgres";
}

pid_t Postgres::spawn(const std::string& program, const std::vector<std::string>& arguments) const {
  const auto path = programs + program;
  std::vector<char*> words{const_cast<char*>(path.c_str())};
  for (const auto& argument : arguments) words.push_back(const_cast<char*>(argument.c_str()));
  words.push_back(nullptr);
  const auto* user = ::geteuid() == 0 ? ::getpwnam("postgres") : nullptr;
  const auto pid = ::fork();
  if (pid != 0) return pid;
  become_nobody_special(user);
  if (::chdir("/") == 0) ::execv(path.c_str(), words.data());
  ::_exit(127);
}

/// It listens before it accepts logins, so its own program asks.
bool Postgres::accepts() const {
  const auto pid = spawn("pg_isready", {"-q", "-h", "127.0.0.1", "-p", std::to_string(port_)});
  int status = 1;
  ::waitpid(pid, &status, 0);
  return status == 0;
}

}  // namespace pannier::tests
