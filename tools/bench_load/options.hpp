#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace bench_load {

enum class Command { get, set };

/// What one generator process does for its whole life.
struct Options {
  std::string address;  ///< `127.0.0.1:PORT` (IPv4 digits) or `unix:PATH`.
  Command command = Command::get;
  std::size_t size = 32;         ///< Bytes of every value.
  std::size_t pipeline = 1;      ///< Requests in one batch; the next waits for all its replies.
  std::size_t connections = 50;  ///< Opened at the start and kept.
  std::size_t keys = 1000;
  std::size_t stride = 1;         ///< From one key of a connection to its next; more scatters them.
  bool fill = true;               ///< Before a GET: SET every key once.
  std::optional<double> seconds;  ///< One slice, then leave; without it slices come over stdin.
};

/// \throws std::invalid_argument that says which argument is wrong and what it may be.
Options parse_options(int argc, const char* const* argv);

const char* usage();

}  // namespace bench_load
