#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "policies/memory_table.hpp"
#include "policies/time.hpp"
#include "protocol/command.hpp"

namespace pannier::policies {

/// Stands in for Redis while there is none: strings with expiry, bounded by bytes, least recently
/// used out first.
///
/// It answers the commands a cache uses with Redis's own replies and error texts (strings, expiry,
/// DEL, TYPE, SCAN, TIME, FLUSH ...), and the scripts of scripts.hpp natively, so that everything
/// above it (leases, tags, versions) works unchanged. Any other command gets E-DOWN from whoever
/// calls it: execute() says so by returning false. What it holds is never written to Redis.
///
/// An expired entry is removed when a command meets it, or by sweep(); until then it is counted by
/// DBSIZE, as in Redis. A write that could not be kept even if it were alone gets Redis's OOM
/// error.
class MemoryStore {
 public:
  explicit MemoryStore(std::size_t max_bytes) : max_bytes_(max_bytes) {}

  /// Runs one command at server time `now` and appends its reply to `out`.
  /// \returns false, and appends nothing, when the store does not know the command.
  bool execute(const protocol::Command& command, std::uint32_t db, protocol::Resp resp,
               ServerTime now, std::string& out);

  /// Looks at the next `max_entries` entries (a few more at most) and removes those that have
  /// expired. Goes on where the last call stopped, and at the end of the store stops.
  /// \returns how many were removed.
  std::size_t sweep(ServerTime now, std::size_t max_entries);

  /// Forgets everything: upstream is back and its data is newer.
  void clear();

  /// Changes the bound; evicts at once where it shrinks.
  void resize(std::size_t max_bytes);

  std::size_t size() const { return table_.size(); }      ///< Keys, expired ones included.
  std::size_t bytes() const { return table_.bytes(); }    ///< With all overhead.
  std::uint64_t evictions() const { return evictions_; }  ///< Since start, by the byte bound.

 private:
  void evict();

  MemoryTable table_;
  std::size_t max_bytes_;
  std::uint64_t evictions_ = 0;
  std::uint32_t sweep_db_ = 0;  ///< Where the next sweep begins.
  std::uint64_t sweep_cursor_ = 0;
};

}  // namespace pannier::policies
