#include "protocol/command_table.hpp"
#include "protocol/reply.hpp"

namespace pannier::protocol {
namespace {

using Args = std::span<const std::string_view>;
using Positions = std::vector<std::uint32_t>;

/// Adds `count` positions from `first` on. \returns whether they are all there.
bool add_run(Positions& positions, Args args, std::size_t first, std::size_t count) {
  if (first > args.size() || count > args.size() - first) return false;
  for (std::size_t at = first; at < first + count; ++at) {
    positions.push_back(static_cast<std::uint32_t>(at));
  }
  return true;
}

bool add_fixed(Positions& positions, const CommandSpec& spec, Args args) {
  if (spec.first_key == 0) return true;
  const auto size = static_cast<std::ptrdiff_t>(args.size());
  const std::ptrdiff_t last = spec.last_key < 0 ? size + spec.last_key : spec.last_key;
  if (last >= size || last < spec.first_key || spec.key_step < 1) return false;
  for (std::ptrdiff_t at = spec.first_key; at <= last; at += spec.key_step) {
    positions.push_back(static_cast<std::uint32_t>(at));
  }
  return true;
}

/// The keys behind the count at `count_at`.
bool add_counted(Positions& positions, Args args, std::size_t count_at) {
  const auto count = to_integer(args[count_at]);
  if (!count || *count < 0) return false;
  return add_run(positions, args, count_at + 1, static_cast<std::size_t>(*count));
}

/// SORT: only the last STORE counts, and words that are another option's value are not STORE.
bool add_sort(Positions& positions, Args args) {
  std::size_t stored = 0;
  for (std::size_t at = 2; at < args.size(); ++at) {
    if (equals_nocase(args[at], "limit")) {
      at += 2;
    } else if (equals_nocase(args[at], "get") || equals_nocase(args[at], "by")) {
      ++at;
    } else if (equals_nocase(args[at], "store") && at + 1 < args.size()) {
      stored = ++at;
    }
  }
  positions.push_back(1);
  if (stored != 0) positions.push_back(static_cast<std::uint32_t>(stored));
  return true;
}

/// GEORADIUS: Redis takes the last STORE or STOREDIST but announces them all; more is safer.
bool add_geo(Positions& positions, Args args) {
  positions.push_back(1);
  for (std::size_t at = 5; at + 1 < args.size(); ++at) {
    if (equals_nocase(args[at], "store") || equals_nocase(args[at], "storedist")) {
      positions.push_back(static_cast<std::uint32_t>(++at));
    }
  }
  return true;
}

/// Where STREAMS stands in XREAD and XREADGROUP; 0 when it does not.
std::size_t find_streams(Args args) {
  for (std::size_t at = 1; at < args.size(); ++at) {
    if (equals_nocase(args[at], "streams")) return at;
    if (equals_nocase(args[at], "block") || equals_nocase(args[at], "count")) {
      ++at;
    } else if (equals_nocase(args[at], "group")) {
      at += 2;
    } else if (!equals_nocase(args[at], "noack")) {
      return 0;
    }
  }
  return 0;
}

bool add_streams(Positions& positions, Args args) {
  const std::size_t streams = find_streams(args);
  const std::size_t behind = args.size() - streams - 1;
  if (streams == 0 || behind == 0 || behind % 2 != 0) return false;
  return add_run(positions, args, streams + 1, behind / 2);
}

bool add_migrate(Positions& positions, Args args) {
  for (std::size_t at = 6; args[3].empty() && at < args.size(); ++at) {
    if (equals_nocase(args[at], "auth")) {
      ++at;
    } else if (equals_nocase(args[at], "auth2")) {
      at += 2;
    } else if (equals_nocase(args[at], "keys")) {
      return add_run(positions, args, at + 1, args.size() - at - 1);
    }
  }
  return add_run(positions, args, 3, 1);
}

bool add_keys(Positions& positions, const CommandSpec& spec, Args args) {
  switch (spec.key_rule) {
    case KeyRule::fixed:
      return add_fixed(positions, spec, args);
    case KeyRule::counted_from_1:
      return add_counted(positions, args, 1);
    case KeyRule::counted_from_2:
      return add_counted(positions, args, 2);
    case KeyRule::stored_counted:
      return add_run(positions, args, 1, 1) && add_counted(positions, args, 2);
    case KeyRule::sort_store:
      return add_sort(positions, args);
    case KeyRule::geo_store:
      return add_geo(positions, args);
    case KeyRule::streams:
      return add_streams(positions, args);
    case KeyRule::migrate:
      return add_migrate(positions, args);
    case KeyRule::subcommand:
      return args.size() < 3 || equals_nocase(args[1], "help") || add_run(positions, args, 2, 1);
    case KeyRule::unknown:
      return !spec.movable_keys && add_fixed(positions, spec, args);
  }
  return false;
}

bool has_option(Args args, std::size_t from, std::string_view name) {
  for (std::size_t at = from; at < args.size(); ++at) {
    if (equals_nocase(args[at], name)) return true;
  }
  return false;
}

}  // namespace

bool find_keys(const CommandSpec& spec, Args args, Positions& positions) {
  positions.clear();
  if (!spec.accepts(args.size())) return false;
  if (add_keys(positions, spec, args)) return true;
  positions.clear();
  return false;
}

bool converts(const CommandSpec& spec, Args args) {
  if (spec.route != Route::lane) return false;
  if (spec.plain_with.empty() || args.size() <= 2) return true;
  return spec.plain_with != "count" && !has_option(args, 2, spec.plain_with);
}

bool blocks(const CommandSpec& spec, Args args) {
  if (!spec.may_block) return false;
  if (spec.key_rule != KeyRule::streams) return true;
  const std::size_t streams = find_streams(args);
  return has_option(streams == 0 ? args : args.first(streams), 1, "block");
}

}  // namespace pannier::protocol
