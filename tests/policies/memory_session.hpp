#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policies/memory_store.hpp"

namespace pannier::policies {

/// A client of a memory store at a clock of its own, written like redis-cli.
struct MemorySession {
  struct Row {
    std::string_view line;
    std::string_view reply;
  };

  explicit MemorySession(std::size_t max_bytes = 64u << 20) : store(max_bytes) {}

  /// \returns the reply with CR LF written as one space, without the last; `unknown` when the
  /// store does not know the command.
  std::string run(const std::vector<std::string_view>& args) {
    const std::string_view before = "before";
    std::string reply(before);
    if (!store.execute({args, {}}, db, resp, now, reply)) {
      CHECK(reply == before);
      return "unknown";
    }
    std::string shown;
    for (const char c : reply.substr(before.size())) {
      if (c != '\r') shown += c == '\n' ? ' ' : c;
    }
    return shown.substr(0, shown.size() - 1);
  }

  /// The same for words between spaces; `''` is an empty one.
  std::string run(std::string_view line) {
    std::vector<std::string_view> args;
    while (!line.empty()) {
      const std::size_t size = std::min(line.find(' '), line.size());
      args.push_back(line.substr(0, size) == "''" ? "" : line.substr(0, size));
      line.remove_prefix(std::min(size + 1, line.size()));
    }
    return run(args);
  }

  void check(const std::vector<Row>& rows) {
    for (const Row& row : rows) {
      CAPTURE(row.line);
      CHECK(run(row.line) == row.reply);
    }
  }

  MemoryStore store;
  ServerTime now{milliseconds(1'700'000'000'250)};
  std::uint32_t db = 0;
  protocol::Resp resp = protocol::Resp::v2;
};

}  // namespace pannier::policies
