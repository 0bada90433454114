#pragma once

#include <cstdint>
#include <string>

#include "policies/verdict.hpp"
#include "protocol/command.hpp"

namespace pannier::policies {

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

  Link link;                ///< Where its last command went.
  std::uint32_t open = 0;   ///< Commands without reply on `link` (leases wait elsewhere).
  std::uint64_t fence = 0;  ///< Flights that began before this may not be shared with it.
  bool fence_due = false;   ///< Something with unknown effects was sent: raise `fence` next.

  bool in_multi = false, watching = false;  ///< Why it needs an upstream connection of its own.
  bool confirmed = false;                   ///< Upstream has said OK to its MULTI or WATCH.
  bool may_block = false;       ///< Its last command on its own connection may wait for data.
  std::string own_error;        ///< That connection died with a transaction: said until it is over.
  bool bypass = false;          ///< Rules are ignored for this connection.
  bool reply_off = false;       ///< CLIENT REPLY OFF.
  std::uint8_t reply_skip = 0;  ///< CLIENT REPLY SKIP: 2 the command itself, 1 the next one.
  std::string name, library, library_version, address;

  void forget_transaction() {
    in_multi = watching = confirmed = false;
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
