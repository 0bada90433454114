// Commands that read strings, write several, or change a part of one.

#include <algorithm>
#include <string>

#include "policies/memory_commands.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies::memory_commands {
namespace {

constexpr std::size_t max_string = 512u << 20;  // Redis's proto-max-bulk-len.
constexpr std::size_t max_spare = 1u << 20;

/// Writes `text` into the value from `offset` on, behind zero bytes where the value ends before
/// that, and answers how long the value is then.
void write_into(MemoryCall& call, MemoryCall::Entry* entry, std::size_t offset,
                std::string_view text) {
  const std::string_view key = call.arg(1);
  const std::size_t size = std::max(entry ? entry->value.size() : 0, offset + text.size());
  if (size > max_string) {
    return call.error("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
  }
  if (!call.admits(key, size)) return;
  // A value that grows once will grow again: like Redis, leave it room so that many small
  // appends cost no more than a few copies.
  std::size_t spare = entry ? std::min(size, max_spare) : 0;
  if (!call.fits(MemoryTable::entry_bytes(key.size(), size + spare))) spare = 0;
  if (!entry) entry = &call.table.insert(call.db, key, {}, MemoryTable::never);
  call.table.grow(*entry, size, size + spare);
  text.copy(entry->value.data() + offset, text.size());
  call.integer(static_cast<std::int64_t>(size));
}

/// \returns false when the pairs could not all be kept together; the error is answered then.
bool admits_pairs(MemoryCall& call) {
  std::size_t bytes = 0;
  for (std::size_t i = 1; i < call.args.size(); i += 2) {
    bytes += MemoryTable::entry_bytes(call.arg(i).size(), call.arg(i + 1).size());
  }
  if (call.fits(bytes)) return true;
  call.out_of_memory();
  return false;
}

void store_pairs(MemoryCall& call) {
  for (std::size_t i = 1; i < call.args.size(); i += 2) {
    const std::string_view key = call.arg(i);
    call.store(call.use(key), key, std::string(call.arg(i + 1)), MemoryTable::never);
  }
}

}  // namespace

void get(MemoryCall& call) { call.value_or_null(call.use(call.arg(1))); }

void getdel(MemoryCall& call) {
  MemoryCall::Entry* const entry = call.use(call.arg(1));
  call.value_or_null(entry);
  if (entry) call.remove(*entry);
}

void mget(MemoryCall& call) {
  protocol::append_array(call.out, call.args.size() - 1);
  for (const std::string_view key : call.args.subspan(1)) call.value_or_null(call.use(key));
}

void mset(MemoryCall& call) {
  if (call.args.size() % 2 == 0) return call.wrong_arity();
  if (!admits_pairs(call)) return;
  store_pairs(call);
  call.ok();
}

void msetnx(MemoryCall& call) {
  if (call.args.size() % 2 == 0) return call.wrong_arity();
  if (!admits_pairs(call)) return;
  for (std::size_t i = 1; i < call.args.size(); i += 2) {
    if (call.find(call.arg(i))) return call.integer(0);
  }
  store_pairs(call);
  call.integer(1);
}

void strlen(MemoryCall& call) {
  const MemoryCall::Entry* const entry = call.use(call.arg(1));
  call.integer(entry ? static_cast<std::int64_t>(entry->value.size()) : 0);
}

void append(MemoryCall& call) {
  MemoryCall::Entry* const entry = call.use(call.arg(1));
  write_into(call, entry, entry ? entry->value.size() : 0, call.arg(2));
}

void setrange(MemoryCall& call) {
  const auto offset = call.integer_of(call.arg(2));
  if (!offset) return;
  if (*offset < 0) return call.error("ERR offset is out of range");
  MemoryCall::Entry* const entry = call.use(call.arg(1));
  if (call.arg(3).empty()) return strlen(call);
  write_into(call, entry, static_cast<std::size_t>(*offset), call.arg(3));
}

void getrange(MemoryCall& call) {
  const auto first = call.integer_of(call.arg(2));
  if (!first) return;
  const auto last = call.integer_of(call.arg(3));
  if (!last) return;
  const MemoryCall::Entry* const entry = call.use(call.arg(1));
  const std::string_view value = entry ? std::string_view(entry->value) : std::string_view();
  const auto size = static_cast<std::int64_t>(value.size());
  if (*first < 0 && *last < 0 && *first > *last) return call.bulk({});
  // Negative positions count from the end.
  const std::int64_t begin = std::max<std::int64_t>(*first < 0 ? size + *first : *first, 0);
  const std::int64_t end = std::max<std::int64_t>(*last < 0 ? size + *last : *last, 0);
  if (begin > end || begin >= size) return call.bulk({});
  const auto count = static_cast<std::size_t>(std::min(end, size - 1) - begin + 1);
  call.bulk(value.substr(static_cast<std::size_t>(begin), count));
}

void substr(MemoryCall& call) { getrange(call); }

}  // namespace pannier::policies::memory_commands
