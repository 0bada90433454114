#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policies/ban.hpp"
#include "policies/time.hpp"

namespace pannier::policies {

/// The bans that are known here, by database.
///
/// The truth is upstream, one sorted set a database, `pn:b`, of bans by the server time at which
/// they were made; every sidecar reads it over its lane and is told of changes. A ban counts until
/// the last value it could be about must have died by itself. Upstream keeps a bounded number; what
/// had to give way is remembered as a ban on everything up to then. Where upstream has lost what is
/// known here, it is told again, so a ban outlives its record as long as one sidecar runs.
class Bans {
 public:
  static constexpr std::string_view key = "pn:b";
  static constexpr std::size_t capacity = 1'000;  ///< Of a database.

  /// The newest bans that a key falls under.
  struct Newest {
    std::optional<ServerTime> hard, soft;
  };
  struct Placed {
    Ban ban;
    ServerTime at, until;
  };

  /// \returns whether it was not known with that time, or a later one.
  bool add(std::uint32_t db, Ban ban, ServerTime at, ServerTime until);
  Newest newest(std::uint32_t db, const Bannable& subject) const;
  void forget_old(ServerTime now);

  /// How much of the record is known: nothing for sure; it was asked for over the lane; all of it.
  enum class Known : std::uint8_t { no, asked, all };
  Known known(std::uint32_t db) const;
  void set_known(std::uint32_t db, Known known);
  /// The record changed, or may have unheard; pushes do not say in which database.
  void outdate_all();
  /// How often that was.
  std::uint64_t outdated() const { return outdated_; }
  std::vector<std::uint32_t> databases() const;
  /// Oldest first.
  std::vector<Placed> all(std::uint32_t db) const;

  bool empty(std::uint32_t db) const;
  std::size_t size() const;

 private:
  struct Database {
    std::deque<Placed> bans;  ///< Oldest first.
    Known known = Known::no;
  };
  const Database* find(std::uint32_t db) const;
  std::map<std::uint32_t, Database> databases_;
  std::uint64_t outdated_ = 0;
};

}  // namespace pannier::policies
