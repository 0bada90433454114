#include "policies/memory_store.hpp"

#include <algorithm>
#include <vector>

#include "policies/memory_commands.hpp"
#include "protocol/command_table.hpp"

namespace pannier::policies {
namespace {

std::int64_t count_of(ServerTime time) { return time.time_since_epoch().count(); }

/// \returns whether the command is known here; if so its reply has been appended.
bool run(MemoryCall& call) {
  const protocol::CommandSpec* const spec = protocol::find_command(call.arg(0));
  if (!spec) return false;
  call.name = spec->name;
  const memory_commands::Run run_listed = memory_commands::find(spec->name);
  if (!run_listed) return spec->accepts(call.args.size()) && memory_commands::run_own(call);
  if (spec->accepts(call.args.size())) {
    run_listed(call);
  } else {
    call.wrong_arity();
  }
  return true;
}

}  // namespace

bool MemoryStore::execute(const protocol::Command& command, std::uint32_t db, protocol::Resp resp,
                          ServerTime now, std::string& out) {
  MemoryCall call{table_, max_bytes_, {}, command.args, db, resp, count_of(now), out};
  const bool known = run(call);
  evict();
  return known;
}

void MemoryStore::evict() {
  // What was written last is what goes last, and alone it fits: admits() has seen to that.
  while (table_.bytes() > max_bytes_) {
    table_.take(*table_.oldest());
    ++evictions_;
  }
}

std::size_t MemoryStore::sweep(ServerTime now, std::size_t max_entries) {
  std::vector<MemoryTable::Entry*> found;
  std::size_t seen = 0, removed = 0;
  while (seen < max_entries) {
    const auto db = table_.database_from(sweep_db_);
    if (!db) {
      sweep_db_ = 0;
      break;
    }
    found.clear();
    sweep_cursor_ = table_.scan(*db, *db == sweep_db_ ? sweep_cursor_ : 0, found);
    sweep_db_ = sweep_cursor_ == 0 ? *db + 1 : *db;
    seen += std::max<std::size_t>(found.size(), 1);
    for (MemoryTable::Entry* const entry : found) {
      if (!entry->expired(count_of(now))) continue;
      table_.take(*entry);
      ++removed;
    }
  }
  return removed;
}

void MemoryStore::clear() { table_.clear(); }

void MemoryStore::resize(std::size_t max_bytes) {
  max_bytes_ = max_bytes;
  evict();
}

}  // namespace pannier::policies
