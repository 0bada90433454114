#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "policies/seen_versions.hpp"
#include "policies/settings.hpp"
#include "policies/time.hpp"
#include "policies/verdict.hpp"
#include "protocol/command_table.hpp"

namespace pannier::policies {

struct TableStep;

/// What is known about one client connection. Owned by its session; the pipeline reads and changes
/// it, and knows it from Pipeline::open to Pipeline::close.
struct Client {
  ClientId id = 0;
  protocol::Resp resp = protocol::Resp::v2;
  protocol::Resp resp_before = protocol::Resp::v2;  ///< Of requests whose number is below ...
  std::uint64_t resp_from = 0;                      ///< ... this: they may still be waiting.
  std::uint32_t db = 0;
  std::uint64_t next =
      0;  ///< Number of the request that is decided next; the session counts it up.

  Link link;                     ///< Where its last command went.
  std::uint32_t open = 0;        ///< Commands without reply on `link` (leases wait elsewhere).
  std::uint64_t fence = 0;       ///< Flights that began before this may not be shared with it.
  std::uint64_t joins_from = 0;  ///< Nor these: it has read the key by another command since.
  std::uint32_t waits = 0;       ///< Its reads that wait for somebody's load.
  bool awaits_reads = false;     ///< Its next command is held until one of those has ended.
  std::uint64_t busy = 0;        ///< Since nothing was open: keys of its commands, a bit each.
  bool settles = false;          ///< Nothing goes before all is answered: a new link, an operator.
  bool fence_due = false;        ///< Something with unknown effects was sent: raise `fence` next.

  // Why it needs an upstream connection of its own:
  bool in_multi = false, watching = false;
  bool tracking = false;      ///< CLIENT TRACKING ON: upstream tells it what changes.
  bool keeps_own = false;     ///< Another client's invalidations are redirected to it.
  ClientId redirect = 0;      ///< To whom its own are.
  bool confirmed = false;     ///< Upstream has said OK to its MULTI or WATCH.
  bool may_block = false;     ///< Its last command on its own connection may wait for data.
  bool multi_failed = false;  ///< A command was refused here: EXEC must not run the others.
  std::uint32_t queued = 0;   ///< Commands in the open transaction.
  std::optional<std::uint32_t> multi_db;  ///< SELECT inside it: where its next commands run.
  bool moves = false;         ///< Its EXEC is under way, and says what of the client changed.
  std::string own_error;      ///< That connection died with a transaction: said until it is over.
  bool authenticated = true;  ///< It may do more than AUTH.
  std::unique_ptr<Credentials> identity;  ///< As whom it works upstream, if not as the sidecar.
  bool bypass = false;                    ///< Rules are ignored for this connection.
  bool reply_off = false;                 ///< CLIENT REPLY OFF.
  std::uint8_t reply_skip = 0;  ///< CLIENT REPLY SKIP: 2 the command itself, 1 the next one.
  std::string name, library, library_version;
  std::shared_ptr<TableStep> table_step;  ///< Of the command that it is held for.
  SeenVersions seen;                      ///< Of keys under rules with versions.

  bool internal = false;         ///< The admin port's: not a client that others can see.
  TimePoint since{}, last_at{};  ///< When it connected, and when its last command came.
  const protocol::CommandSpec* last = nullptr;  ///< That command, if it is known.
  std::string subcommand;                       ///< Of a command that has some.

  /// Everything it sends goes over its own connection, not only what needs one.
  bool is_pinned() const { return in_multi || tracking || identity; }

  void forget_transaction() {
    in_multi = watching = confirmed = multi_failed = false;
    queued = 0;
    multi_db.reset();
    own_error.clear();
  }

  /// From the request that is being decided on it speaks another protocol.
  void speak(protocol::Resp other) {
    if (other == resp) return;
    resp_before = resp;
    resp_from = next;
    resp = other;
  }
  /// The protocol of the reply to that request.
  protocol::Resp resp_of(std::uint64_t number) const {
    return number < resp_from ? resp_before : resp;
  }
};

}  // namespace pannier::policies
