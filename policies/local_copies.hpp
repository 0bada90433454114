#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "policies/local_cache.hpp"
#include "policies/time.hpp"

namespace pannier::policies {

/// Copies of what upstream holds, kept coherent: a read may be answered with one only while it is
/// what upstream had within the last `max_lag`, and no client ever sees an older value after a
/// newer one. The rules are those of client-side caching with tracking (Redis), made safe against
/// replies that overtake pushes, writes under way and lanes that fall silent.
///
/// A lane tells of changes by pushes, in order with its replies. So a copy is current if its lane
/// has answered something lately that was asked after every change one could know of; nothing that
/// a connection without tracking says may become a copy.
///
/// A copy may be kept past its end, and past the loss of its lane: set aside, for a tier that would
/// rather serve an old value than none (`stale-if-error`, RFC 5861). It is never taken for a
/// current one, goes with everything that is heard to change its key, and with the lane's return.
class LocalCopies {
 public:
  /// Orders everything that can make copies wrong at once; later is larger.
  using Stamp = std::uint64_t;
  /// What a read remembers of the moment in which it was sent.
  struct View {
    std::uint32_t epoch = 0;
    bool quiet = false;    ///< No write of the key was under way.
    bool tracked = false;  ///< Upstream pushes when the key changes.
    Stamp stamp = 0;
    TimePoint sent;
  };
  struct Copy {
    std::string_view reply;  ///< As the lane gave it (RESP3); valid until the copies are changed.
    Stamp stamp;
  };

  LocalCopies();

  /// One of 64 bits, by which a few keys can be told from others.
  static std::uint64_t bit(std::string_view key);

  // Lanes.
  /// The lane of `db` answered what was sent at `sent` as number `exchange`, or later ones.
  void answered(std::uint32_t db, TimePoint sent, std::uint64_t exchange);
  /// It is gone, with everything it tracked; what other lanes brought goes as well.
  void lose_lane(std::uint32_t db);
  void lose_all();
  /// The same, but what there is stays for find_outdated(): until that lane answers again, or until
  /// lose_all() when all were lost. It was current until `current_until`.
  void set_lane_aside(std::uint32_t db, TimePoint current_until);
  void set_all_aside(TimePoint current_until);
  /// When the newest command that it has answered was sent; the epoch of the clock when there was
  /// none since it came.
  TimePoint acked(std::uint32_t db) const { return lane(db).acked; }
  /// Whether it has answered something that was sent no earlier than `exchange`.
  bool acked_since(std::uint32_t db, std::uint64_t exchange) const {
    return lane(db).acked_exchange >= exchange;
  }
  /// Beyond the largest database whose lane has answered anything.
  std::uint32_t lanes() const { return static_cast<std::uint32_t>(lanes_.size()); }

  // Reads.
  /// Before one is sent on a lane.
  View look(std::string_view key, TimePoint now, bool tracked) const;
  /// Its reply came: it replaces what is kept for the key, if nothing speaks against it, or else
  /// removes it. It is current until `deadline` (the epoch of the clock: it is not to be kept at
  /// all), and stays that much `past_end` for find_outdated(). For one key that is always the same.
  /// \returns whether it was kept.
  bool replace(std::uint32_t db, std::string_view key, const View& view, std::string_view question,
               std::string_view reply, TimePoint deadline, TimePoint now,
               milliseconds past_end = {});
  /// What is kept; the caller has seen to it that its lane is current, and sees to its tags.
  std::optional<Copy> find(std::uint32_t db, std::string_view key, std::string_view question,
                           TimePoint now, milliseconds past_end = {});
  /// The same of a string's value without using it: how long it may be served, and its stamp.
  struct Kept {
    microseconds left;
    Stamp stamp;
  };
  std::optional<Kept> look_at(std::uint32_t db, std::string_view key, TimePoint now,
                              milliseconds past_end) const;
  /// What was kept when a lane was lost, at most `past_end` after it was current, unless a write of
  /// the key is under way. The caller sees to its tags.
  std::optional<Copy> find_outdated(std::uint32_t db, std::string_view key,
                                    std::string_view question, TimePoint now,
                                    milliseconds past_end);

  /// Whether nothing was heard of the key since then: no push, no write, no other value.
  bool unchanged(std::string_view key, const View& since) const;

  // Writes.
  void begin_write(std::string_view key) { ++slot(key).pending; }
  /// It was answered, or will not be: what is kept for the key is wrong.
  void end_write(std::string_view key);

  /// Upstream said that the key changed, in some database. \returns how many copies that ended.
  std::size_t pushed(std::string_view key);
  /// What is kept for the key is no use any more.
  void erase(std::uint32_t db, std::string_view key) { cache_.erase(db, key); }
  /// Everything may have changed.
  void outdate_all();

  /// Something happened that older copies must be held against. \returns its stamp.
  Stamp advance();

  /// Changes with every reply, write and push of the key, and of a few others.
  std::uint32_t epoch(std::string_view key) const { return slot(key).epoch; }
  /// What is older may not be served.
  Stamp since() const { return since_; }

  /// Removes some of what is over, and changes the bound.
  void sweep(TimePoint now) { cache_.sweep(now, cache_.size() / sweep_share + sweep_least); }
  void resize(std::size_t max_bytes) { cache_.resize(max_bytes); }
  std::size_t size() const { return cache_.size(); }    ///< Keys, outdated ones included.
  std::size_t bytes() const { return cache_.bytes(); }  ///< With all overhead.
  std::uint64_t evictions() const { return cache_.evictions(); }

 private:
  static constexpr std::size_t slots = 16'384;  ///< Of keys that share one a fill may be missed.
  /// A sweep looks at this share of the copies: at ten milliseconds a tick, at all in 30 seconds.
  static constexpr std::size_t sweep_share = 3'000, sweep_least = 20;

  struct Slot {
    std::uint32_t epoch = 0;    ///< Changes with whatever says that copies of its keys are wrong.
    std::uint32_t pending = 0;  ///< Writes under way.
  };
  struct Lane {
    TimePoint acked{};
    std::uint64_t acked_exchange = 0;
    bool aside = false;  ///< It was lost, and has not answered since.
  };
  void set_aside(TimePoint current_until);
  void drop_aside();
  Slot& slot(std::string_view key) const;
  const Lane& lane(std::uint32_t db) const { return db < lanes_.size() ? lanes_[db] : no_lane_; }

  LocalCache cache_;
  std::unique_ptr<std::array<Slot, slots>> slots_;
  std::vector<Lane> lanes_;  ///< By database.
  Lane no_lane_;
  Stamp stamp_ = 1, since_ = 1;  ///< Now, and of the oldest that may be served.
  Stamp base_ = 0;               ///< The cache's own stamps begin there.
  /// While copies older than since_ are set aside: until when the first of them was current.
  std::optional<TimePoint> aside_since_;
};

/// A write of a key from when it is sent until it is answered, or until whoever holds this is gone.
class WriteUnderWay {
 public:
  WriteUnderWay(LocalCopies& copies, std::string key) : copies_(&copies), key_(std::move(key)) {
    copies_->begin_write(key_);
  }
  WriteUnderWay(WriteUnderWay&& other) noexcept
      : copies_(std::exchange(other.copies_, nullptr)), key_(std::move(other.key_)) {}
  WriteUnderWay& operator=(WriteUnderWay&&) = delete;
  ~WriteUnderWay() { end(); }

  /// It was answered: from here on reads see it.
  void end() {
    if (auto* copies = std::exchange(copies_, nullptr)) copies->end_write(key_);
  }

 private:
  LocalCopies* copies_;
  std::string key_;
};

}  // namespace pannier::policies
