#include "policies/memory_call.hpp"

#include <utility>

#include "protocol/reply.hpp"

namespace pannier::policies {

MemoryCall::Entry* MemoryCall::find_in(std::uint32_t database, std::string_view key) {
  Entry* const entry = table.find(database, key);
  if (!entry || !entry->expired(now)) return entry;
  remove(*entry);
  return nullptr;
}

MemoryCall::Entry* MemoryCall::use(std::string_view key) {
  Entry* const entry = table.use(db, key);
  if (!entry || !entry->expired(now)) return entry;
  remove(*entry);
  return nullptr;
}

void MemoryCall::store(Entry* entry, std::string_view key, std::string value,
                       std::int64_t expires_at) {
  if (!entry) {
    table.insert(db, key, std::move(value), expires_at);
    return;
  }
  table.assign(*entry, std::move(value));
  entry->expires_at = expires_at;
}

bool MemoryCall::fits(std::size_t entry_bytes) const {
  return MemoryTable::database_bytes() + entry_bytes <= max_bytes;
}

bool MemoryCall::admits(std::string_view key, std::size_t value_size) {
  if (fits(MemoryTable::entry_bytes(key.size(), value_size))) return true;
  out_of_memory();
  return false;
}

std::optional<std::int64_t> MemoryCall::integer_of(std::string_view text) {
  const auto value = protocol::to_integer(text);
  if (!value) error("ERR value is not an integer or out of range");
  return value;
}

void MemoryCall::ok() { protocol::append_simple(out, "OK"); }

void MemoryCall::null() { protocol::append_null(out, resp); }

void MemoryCall::integer(std::int64_t value) { protocol::append_integer(out, value); }

void MemoryCall::bulk(std::string_view bytes) { protocol::append_bulk(out, bytes); }

void MemoryCall::value_or_null(const Entry* entry) {
  if (entry) {
    bulk(entry->value);
  } else {
    null();
  }
}

void MemoryCall::error(std::string_view text) { protocol::append_error(out, text); }

void MemoryCall::wrong_arity() {
  error("ERR wrong number of arguments for '" + std::string(name) + "' command");
}

void MemoryCall::invalid_expire_time() {
  error("ERR invalid expire time in '" + std::string(name) + "' command");
}

}  // namespace pannier::policies
