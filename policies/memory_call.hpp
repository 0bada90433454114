#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "policies/memory_table.hpp"
#include "protocol/command.hpp"

namespace pannier::policies {

/// One command on its way through the memory store: what it says and what it may touch. Part of
/// MemoryStore; the functions of memory_commands.hpp do the work with it.
///
/// To its commands an expired entry is absent; the first that meets it removes it.
struct MemoryCall {
  using Entry = MemoryTable::Entry;

  MemoryTable& table;
  std::size_t max_bytes;
  std::string_view name;  ///< In lower case.
  std::span<const std::string_view> args;
  std::uint32_t db;
  protocol::Resp resp;
  std::int64_t now;  ///< Server milliseconds.
  std::string& out;

  std::string_view arg(std::size_t index) const { return args[index]; }

  /// The entry of that key, null when there is none. Valid until it is removed.
  Entry* find(std::string_view key) { return find_in(db, key); }
  Entry* find_in(std::uint32_t database, std::string_view key);
  /// The same, and makes it the most recently used one.
  Entry* use(std::string_view key);

  /// Writes the value into `entry`, or into a new one where that is null.
  void store(Entry* entry, std::string_view key, std::string value, std::int64_t expires_at);
  void remove(Entry& entry) { table.take(entry); }

  /// Whether the store could hold entries of that many bytes if it held nothing else. Every command
  /// that makes a value asks before it answers or changes anything.
  bool fits(std::size_t entry_bytes) const;
  /// The same for one entry; answers the error where it returns false.
  bool admits(std::string_view key, std::size_t value_size);

  /// Reads an argument or a value as Redis does; answers the error where it returns nothing.
  std::optional<std::int64_t> integer_of(std::string_view text);

  void ok();
  void null();
  void integer(std::int64_t value);
  void bulk(std::string_view bytes);
  void value_or_null(const Entry* entry);
  void error(std::string_view text);  ///< Without `-`.
  void syntax_error() { error("ERR syntax error"); }
  void out_of_memory() { error("OOM command not allowed when used memory > 'maxmemory'."); }
  void wrong_arity();
  void invalid_expire_time();
};

}  // namespace pannier::policies
