#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "policies/invalidation.hpp"
#include "policies/time.hpp"

namespace pannier::policies {

/// One invalidation that has ended: who wanted what, when, and what came of it.
struct AuditRecord {
  enum class Outcome : std::uint8_t { done, journaled, failed };
  ServerTime at{};  ///< When it was asked for, by the server's clock as it is known here.
  Invalidation what;
  std::uint64_t count = 0;  ///< Values that it made invalid, as its reply says.
  Outcome outcome = Outcome::done;
  std::string error;      ///< Upstream's words, if it failed.
  microseconds took{0};   ///< Until everything was removed.
  std::uint64_t job = 0;  ///< The number it went on under; 0 where its reply came at the end.
};

/// What it was about, in a line: `tag tenant:7; pattern stock:*`, shortened.
std::string audit_text(const Invalidation& what);
const char* audit_outcome(AuditRecord::Outcome outcome);

/// The last of them, newest last.
class Audit {
 public:
  static constexpr std::size_t capacity = 1'000;

  const AuditRecord& add(AuditRecord record) {
    if (records_.size() == capacity) records_.pop_front();
    return records_.emplace_back(std::move(record));
  }
  const std::deque<AuditRecord>& records() const { return records_; }

 private:
  std::deque<AuditRecord> records_;
};

}  // namespace pannier::policies
