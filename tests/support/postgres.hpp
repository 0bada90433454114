#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace pannier::tests {

/// A PostgreSQL 15 of our own: a directory of its own, a free port of 127.0.0.1, no passwords, and
/// nothing that outlives it. As root it runs as the user postgres, because it refuses to be root.
class Postgres {
 public:
  /// Made, and running. \throws std::runtime_error if PostgreSQL is not there or does not start.
  Postgres();
  ~Postgres();
  Postgres(const Postgres&) = delete;
  Postgres& operator=(const Postgres&) = delete;

  /// The one for the whole test program, running.
  static Postgres& shared();

  /// On the same port as before. Returns when it accepts connections.
  void start();
  /// Returns when it is gone, and its connections with it.
  void stop();
  std::string url(const std::string& user = "postgres") const;

 private:
  pid_t spawn(const std::string& program, const std::vector<std::string>& arguments) const;
  bool accepts() const;

  std::filesystem::path directory_;
  unsigned port_ = 0;
  pid_t pid_ = 0;
};

/// A port that was free a moment ago.
unsigned free_port();

}  // namespace pannier::tests
