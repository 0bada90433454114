#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "policies/subject.hpp"
#include "policies/time.hpp"
#include "policies/verdict.hpp"

namespace pannier::policies {

/// Lets one client at a time compute a missing value while the others wait for what it SETs.
///
///     absent --grant--> held --close--> absent
///                        | ^
///            wait* .-----' `-- pass on: the holder is gone or late, the reader that waited
///                              longest holds it now (or nobody waits: absent)
///
/// A lease that another sidecar holds is in the table as well, for those who wait here: its holder
/// is `elsewhere`, and when its time is over all of them look again.
///
/// The idea is the miss lease of "Scaling Memcache at Facebook" (NSDI 2013), held here on behalf of
/// clients that know nothing about it. A lease that ends is handed to one waiter, never to all.
class LeaseTable {
 public:
  static constexpr ClientId elsewhere = 0;

  struct Bounds {
    std::size_t waiters_per_key = 1'000, waiters = 10'000, leases = 100'000;
  };
  struct Waiter {
    Ticket ticket;
    TimePoint since, until;
    std::shared_ptr<const std::string> fallback = nullptr;  ///< What it gets instead of nil.
  };
  /// What expire() found out about one key.
  struct Expired {
    SubjectRef subject;
    bool lost = false;                 ///< The holder's time is over.
    bool over_value = false;           ///< It was to replace a value that is still there.
    std::string token;                 ///< With `lost`: of the fleet's lease, if it was taken.
    std::vector<Waiter> gave_up;       ///< Waited as long as they may.
    std::optional<Waiter> new_holder;  ///< With `lost`: who must load now, if anybody waited.
    bool is_elsewhere = false;         ///< Another sidecar's client held it, and ...
    std::vector<Waiter> look_again;    ///< ... these waited for its load.
  };
  struct Terms {
    std::string token;        ///< Of the fleet's lease, where it was taken.
    bool over_value = false;  ///< A value is still there: nobody needs to wait for another.
  };

  LeaseTable() = default;
  explicit LeaseTable(Bounds bounds) : bounds_(bounds) {}

  bool held(const std::string& key) const { return leases_.contains(key); }
  /// Whose key it is, and when the lease was granted; the key must be held.
  const SubjectRef& subject(const std::string& key) const { return leases_.at(key).subject; }
  ClientId holder(const std::string& key) const { return leases_.at(key).holder; }
  TimePoint granted_at(const std::string& key) const { return leases_.at(key).granted; }

  /// The fleet's lease behind it; empty if there is none. The key must be held.
  const std::string& token(const std::string& key) const { return leases_.at(key).terms.token; }
  bool held_elsewhere(const std::string& key) const;
  /// Whether it is held so that nobody has a value until it ends.
  bool held_without_value(const std::string& key) const;

  /// Gives the lease of a key that is not held to `holder` until `deadline`.
  /// \returns false when the table is full: the key goes unleased.
  bool grant(const SubjectRef& subject, ClientId holder, TimePoint now, TimePoint deadline,
             Terms terms);
  bool grant(const SubjectRef& subject, ClientId holder, TimePoint now, TimePoint deadline) {
    return grant(subject, holder, now, deadline, {});
  }

  /// The fleet's lease was taken for one that is held here without it.
  /// \returns false if there is none.
  bool take_token(const std::string& key, const std::string& token);
  /// Whoever asks is going to end the fleet's lease. \returns its token; empty if there is none.
  std::string drop_token(const std::string& key);
  /// The keys whose leases are held elsewhere.
  std::vector<std::string> keys_elsewhere() const;

  /// Puts a reader in the queue of a held key, before those that may wait longer.
  /// \returns false when a bound is reached.
  bool wait(const std::string& key, const Waiter& waiter);

  /// How often a client waits for one of those that `is_one` accepts.
  std::size_t waits_of(ClientId client, const std::function<bool(ClientId)>& is_one) const;

  /// A value exists or waiting has no more point: forgets the key.
  /// \returns those who waited, oldest first.
  std::vector<Waiter> close(const std::string& key);

  /// A client's connection closed: its waiting stops, and each lease it held passes to the reader
  /// that waited longest, until `now` + `extension`, or ends.
  std::vector<Expired> release(ClientId client, TimePoint now, microseconds extension);

  /// Everything that ends by `now`; a lease that is passed on runs for another `extension`.
  std::vector<Expired> expire(TimePoint now, microseconds extension);

  /// One line a held key: for PANNIER LEASES.
  struct Listed {
    std::string_view key;
    ClientId holder;
    TimePoint granted, deadline;
    std::size_t waiting;
  };
  std::vector<Listed> list(std::size_t most) const;

  std::size_t size() const { return leases_.size(); }
  std::size_t waiting() const { return waiting_; }
  bool empty() const { return leases_.empty(); }
  bool any_elsewhere() const { return elsewhere_ > 0; }

 private:
  struct Lease {
    SubjectRef subject;
    ClientId holder = 0;
    TimePoint granted, deadline;
    Terms terms;
    std::deque<Waiter> waiters;  ///< Oldest first; `until` grows.
    TimePoint alarm;             ///< Its place in alarms_.
  };
  using Leases = std::unordered_map<std::string, Lease>;

  void set_alarm(const std::string& key, Lease& lease);
  void drop_alarm(const std::string& key, const Lease& lease);
  /// Hands the lease to its first waiter. \returns whether there was one.
  bool pass_on(Lease& lease, TimePoint now, microseconds extension, Expired& expired);
  Leases::iterator end_or_keep(Leases::iterator at, bool keep);

  Bounds bounds_;
  Leases leases_;
  std::set<std::pair<TimePoint, std::string_view>> alarms_;  ///< Next event of each lease.
  std::unordered_map<ClientId, std::size_t> involved_;       ///< Leases and waits of each client.
  std::size_t waiting_ = 0, elsewhere_ = 0;
};

}  // namespace pannier::policies
