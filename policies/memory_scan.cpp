// Commands that go through all keys of a database.

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "policies/memory_commands.hpp"
#include "protocol/command_table.hpp"
#include "protocol/glob.hpp"
#include "protocol/reply.hpp"

namespace pannier::policies::memory_commands {
namespace {

using Entries = std::vector<MemoryCall::Entry*>;

struct ScanOptions {
  std::size_t count = 10;
  std::string_view pattern = "*", type = "string";
};

/// Reads what Redis reads: all that strtoul does but spaces in front.
/// Answers the error where it returns nothing.
std::optional<std::uint64_t> cursor_of(MemoryCall& call) {
  const std::string text(call.arg(1));
  char* end = nullptr;
  errno = 0;
  const std::uint64_t cursor = std::strtoull(text.c_str(), &end, 10);
  const bool space = std::isspace(static_cast<unsigned char>(text.c_str()[0]));
  if (!space && *end == '\0' && errno != ERANGE) return cursor;
  call.error("ERR invalid cursor");
  return std::nullopt;
}

/// Answers the error where it returns nothing.
std::optional<ScanOptions> scan_options_of(MemoryCall& call) {
  ScanOptions options;
  for (std::size_t i = 2; i < call.args.size(); i += 2) {
    const bool with_value = i + 1 < call.args.size();
    if (with_value && protocol::equals_nocase(call.arg(i), "count")) {
      const auto count = call.integer_of(call.arg(i + 1));
      if (!count) return std::nullopt;
      options.count = static_cast<std::size_t>(std::max<std::int64_t>(*count, 0));
    } else if (with_value && protocol::equals_nocase(call.arg(i), "match")) {
      options.pattern = call.arg(i + 1);
    } else if (with_value && protocol::equals_nocase(call.arg(i), "type")) {
      options.type = call.arg(i + 1);
    } else {
      options.count = 0;
    }
    if (options.count > 0) continue;
    call.syntax_error();
    return std::nullopt;
  }
  return options;
}

void answer_keys(MemoryCall& call, const Entries& entries) {
  protocol::append_array(call.out, entries.size());
  for (const MemoryCall::Entry* const entry : entries) call.bulk(entry->key);
}

}  // namespace

void scan(MemoryCall& call) {
  auto cursor = cursor_of(call);
  if (!cursor) return;
  const auto options = scan_options_of(call);
  if (!options) return;
  // Redis too looks at no more than ten buckets for each key that it is to find.
  Entries found;
  for (std::size_t buckets = 0; buckets / 10 <= options->count; ++buckets) {
    *cursor = call.table.scan(call.db, *cursor, found);
    if (*cursor == 0 || found.size() >= options->count) break;
  }
  std::erase_if(found, [&](MemoryCall::Entry* entry) {
    if (!protocol::glob_matches(options->pattern, entry->key)) return true;
    if (!entry->expired(call.now)) return !protocol::equals_nocase(options->type, "string");
    call.remove(*entry);
    return true;
  });
  protocol::append_array(call.out, 2);
  call.bulk(std::to_string(*cursor));
  answer_keys(call, found);
}

void keys(MemoryCall& call) {
  Entries found;
  for (std::uint64_t cursor = call.table.scan(call.db, 0, found); cursor != 0;) {
    cursor = call.table.scan(call.db, cursor, found);
  }
  std::erase_if(found, [&](const MemoryCall::Entry* entry) {
    return entry->expired(call.now) || !protocol::glob_matches(call.arg(1), entry->key);
  });
  answer_keys(call, found);
}

/// The first that a scan meets.
void randomkey(MemoryCall& call) {
  std::uint64_t cursor = 0;
  do {
    Entries found;
    cursor = call.table.scan(call.db, cursor, found);
    for (MemoryCall::Entry* const entry : found) {
      if (!entry->expired(call.now)) return call.bulk(entry->key);
      call.remove(*entry);
    }
  } while (cursor != 0);
  call.null();
}

}  // namespace pannier::policies::memory_commands
