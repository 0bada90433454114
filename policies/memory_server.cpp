// Commands on a whole database, and those that need none.

#include <string>

#include "policies/memory_commands.hpp"
#include "protocol/command_table.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies::memory_commands {
namespace {

/// Whether FLUSHDB or FLUSHALL may go on; answers the error where it may not. SYNC and ASYNC are
/// the same here: what is forgotten is gone at once.
bool accepts_flush(MemoryCall& call) {
  const bool plain = call.args.size() == 1;
  const bool word = call.args.size() == 2 && (protocol::equals_nocase(call.arg(1), "sync") ||
                                              protocol::equals_nocase(call.arg(1), "async"));
  if (!plain && !word) call.syntax_error();
  return plain || word;
}

}  // namespace

void dbsize(MemoryCall& call) { call.integer(static_cast<std::int64_t>(call.table.size(call.db))); }

void flushdb(MemoryCall& call) {
  if (!accepts_flush(call)) return;
  call.table.clear(call.db);
  call.ok();
}

void flushall(MemoryCall& call) {
  if (!accepts_flush(call)) return;
  call.table.clear();
  call.ok();
}

void ping(MemoryCall& call) {
  if (call.args.size() > 2) return call.wrong_arity();
  if (call.args.size() == 2) return call.bulk(call.arg(1));
  protocol::append_simple(call.out, "PONG");
}

void echo(MemoryCall& call) { call.bulk(call.arg(1)); }

void time(MemoryCall& call) {
  protocol::append_array(call.out, 2);
  call.bulk(std::to_string(call.now / 1000));
  call.bulk(std::to_string(call.now % 1000 * 1000));
}

}  // namespace pannier::policies::memory_commands
