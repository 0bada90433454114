#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policies/exchange.hpp"
#include "policies/local_copies.hpp"
#include "policies/reply_names.hpp"
#include "policies/subject.hpp"
#include "policies/verdict.hpp"

namespace pannier::policies {

/// Keys under rules that a command writes.
struct WrittenKey {
  SubjectRef subject;
  bool needs_expiry;  ///< Afterwards.
  bool fills;         ///< It is what a miss may have been followed by.
};
using Written = std::vector<WrittenKey>;

/// What is remembered of an open MULTI; the commands themselves are queued by upstream.
struct Transaction {
  Written written;
  /// Commands about the client's connection (CLIENT GETNAME, AUTH), which only the sidecar can
  /// answer: their place in the transaction, where upstream runs a PING, and their words.
  std::vector<std::pair<std::uint32_t, std::vector<std::string>>> own;
  /// Those whose replies carry names of keys, by place.
  std::vector<ReplyNames::Part> names;
};

/// What EXEC leads to.
struct Outcome {
  Written written;
  std::vector<WriteUnderWay> writes;                           ///< Of all these keys.
  std::vector<std::pair<std::uint32_t, std::string>> answers;  ///< Replies given here, by place.
  std::optional<std::uint32_t> db;                             ///< Where a SELECT in it leads.
  /// What the client was called before those replies: again, if nothing ran.
  std::string name, library, library_version;
};

/// EXEC, or one write on a client's own connection: when it has run, keys under rules get what they
/// could not get before.
std::unique_ptr<Exchange> make_execution(Ticket ticket, Outcome outcome);

/// DISCARD in place of an EXEC after a command of the transaction was refused here.
std::unique_ptr<Exchange> make_abort(Ticket ticket);

}  // namespace pannier::policies
